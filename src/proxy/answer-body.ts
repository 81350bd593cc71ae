// An answer's body on its way to the client: read by the upstream's framing, written by the client's. The two differ
// only where they must: what ends with the upstream's connection is chunked for an HTTP/1.1 client, and an HTTP/1.0
// client gets no chunks.
import {
  asOneChunk,
  asPlainData,
  type ChunkedReader,
  chunkedIsDone,
  createChunkedReader,
  readChunked,
  resetChunkedReader,
} from "../http/chunked.ts";
import { framing } from "../http/framing.ts";
import { forwardedTrailer } from "../http/trailer.ts";
import type { ClientOutput } from "./client-output.ts";

/** Where it goes: text (latin1), bytes, and bytes that will be overwritten. */
export type BodyOutput = Pick<ClientOutput, "text" | "bytes" | "lent">;

/** Short bodies go as text, in one string with their head. */
export const textBodyBytesMax = 4 * 1024;
const trailerBytesMax = 16 * 1024;

export class AnswerBody {
  kind: number = framing.none;
  done = true;
  /** Trailer lines of a body that goes on without chunks. */
  trailer = "";
  /** Why it was refused. */
  problem = "";
  /** Of the body itself, read so far. */
  bytesRead = 0;
  private left = 0;
  private chunkedToClient = false;
  private chunks: ChunkedReader | null = null;

  start(kind: number, length: number, chunkedToClient: boolean): void {
    this.kind = kind;
    this.left = length;
    this.bytesRead = 0;
    this.done = kind === framing.none;
    this.trailer = "";
    this.chunkedToClient = chunkedToClient;
    if (kind !== framing.chunked) return;
    this.chunks ??= createChunkedReader();
    resetChunkedReader(this.chunks);
  }

  /** Reads on: the offset up to which the bytes belong to this body, or −1 when it is malformed. */
  read(bytes: Buffer, start: number, end: number, out: BodyOutput): number {
    if (this.kind === framing.chunked) return this.readChunks(bytes, start, end, out);
    if (this.kind === framing.none) return start;
    const upTo = this.kind === framing.length ? Math.min(end, start + this.left) : end;
    if (this.kind === framing.length) {
      this.left -= upTo - start;
      this.done = this.left === 0;
    }
    this.bytesRead += upTo - start;
    if (upTo > start) this.pass(bytes, start, upTo, out);
    return upTo;
  }

  /** The upstream has closed. True when that is how this body ends. */
  end(out: BodyOutput): boolean {
    if (this.kind !== framing.untilClose) return false;
    this.done = true;
    if (this.chunkedToClient) out.text("0\r\n\r\n");
    return true;
  }

  /** Bytes that are known to come; chunks and what ends with the connection tell nothing. */
  get leftBytes(): number {
    return this.kind === framing.length ? this.left : 0;
  }

  private pass(bytes: Buffer, start: number, end: number, out: BodyOutput): void {
    if (this.chunkedToClient) out.text(`${(end - start).toString(16)}\r\n`);
    if (end - start <= textBodyBytesMax) out.text(bytes.toString("latin1", start, end));
    else out.lent(bytes, start, end); // the read buffer is used again
    if (this.chunkedToClient) out.text("\r\n");
  }

  private readChunks(bytes: Buffer, start: number, end: number, out: BodyOutput): number {
    const chunks = this.chunks as ChunkedReader;
    const upTo = readChunked(chunks, bytes, start, end, trailerBytesMax);
    if (upTo < 0) return this.refuse(chunks.problem);
    const ends = chunkedIsDone(chunks);
    const trailer = ends ? forwardedTrailer(chunks.trailer) : "";
    if (trailer === null) return this.refuse("a malformed trailer section"); // before anything of this read has left
    this.bytesRead += chunks.dataBytes;
    const { segments } = chunks;
    if (segments.length === 2) this.pass(bytes, segments[0] as number, segments[1] as number, out);
    else if (segments.length > 2)
      out.bytes(this.chunkedToClient ? asOneChunk(chunks, bytes) : asPlainData(chunks, bytes));
    if (!ends) return upTo;
    this.done = true;
    if (this.chunkedToClient) out.text(`0\r\n${trailer}\r\n`);
    else this.trailer = trailer;
    return upTo;
  }

  private refuse(problem: string): number {
    this.problem = problem;
    return -1;
  }
}
