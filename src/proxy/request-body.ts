// A request's body on its way to the upstream: read strictly, passed on piece by piece, and the first part of it kept
// for the case that it has to be sent again.
import {
  asOneChunk,
  type ChunkedReader,
  chunkedIsDone,
  createChunkedReader,
  readChunked,
  resetChunkedReader,
} from "../http/chunked.ts";
import { type BodyFraming, framing } from "../http/framing.ts";
import { forwardedTrailer } from "../http/trailer.ts";

/** A small piece is text, so that it is written together with the head: up to 16 KB that costs no allocation. */
export type BodyPiece = string | Buffer;

const textPieceBytesMax = 15 * 1024;

export class RequestBody {
  kind: number = framing.none;
  /** All of it has been read from the client. */
  done = true;
  /** What has been read so far, ready to be sent; null when that became too much to keep. */
  pieces: BodyPiece[] | null = [];
  /** Of the pieces kept. */
  pieceBytes = 0;
  /** Why it was refused. */
  status = 0;
  problem = "";
  /** Of what is announced, and of chunks. */
  private length = 0;
  private left = 0;
  private total = 0;
  private chunks: ChunkedReader | null = null;

  start(body: BodyFraming): void {
    this.kind = body.kind;
    this.done = body.kind === framing.none;
    this.length = body.length;
    this.left = body.length;
    this.total = 0;
    this.pieceBytes = 0;
    if (body.kind !== framing.chunked) return;
    this.chunks ??= createChunkedReader();
    resetChunkedReader(this.chunks);
  }

  /**
   * Reads on: the offset up to which the bytes belong to this body, or −1 when it is refused. What is to be sent is
   * handed to `take`.
   */
  read(
    bytes: Buffer,
    start: number,
    end: number,
    limits: BodyLimits,
    take: (piece: BodyPiece) => void,
  ): number {
    return this.kind === framing.chunked
      ? this.readChunks(bytes, start, end, limits, take)
      : this.readLength(bytes, start, end, take);
  }

  /** Without its framing. */
  get bytesRead(): number {
    if (this.kind === framing.none) return 0;
    return this.kind === framing.length ? this.length - this.left : this.total;
  }

  /** Keeps a piece for a second dispatch. */
  keep(piece: BodyPiece): void {
    if (this.pieces === null) return;
    this.pieces.push(piece);
    this.pieceBytes += piece.length;
  }

  /** It has grown too long to be sent twice. */
  forgetPieces(): void {
    this.pieces = null;
  }

  /** The exchange is over. */
  forgetAll(): void {
    if (this.pieces === null || this.pieces.length > 0) this.pieces = [];
  }

  private readLength(bytes: Buffer, start: number, end: number, take: (piece: BodyPiece) => void): number {
    const upTo = Math.min(end, start + this.left);
    if (upTo === start) return start;
    this.left -= upTo - start;
    if (this.left === 0) this.done = true;
    const small = upTo - start <= textPieceBytesMax;
    take(small ? bytes.toString("latin1", start, upTo) : bytes.subarray(start, upTo));
    return upTo;
  }

  private readChunks(
    bytes: Buffer,
    start: number,
    end: number,
    limits: BodyLimits,
    take: (piece: BodyPiece) => void,
  ): number {
    const chunks = this.chunks as ChunkedReader;
    const upTo = readChunked(chunks, bytes, start, end, limits.headBytesMax);
    if (upTo < 0) return this.refuse(400, chunks.problem);
    this.total += chunks.dataBytes;
    if (this.total > limits.requestBytesMax) {
      return this.refuse(
        413,
        `a body in chunks of more than ${limits.requestBytesMax} bytes; at most so many are accepted`,
      );
    }
    if (chunks.dataBytes > 0) take(asOneChunk(chunks, bytes));
    if (!chunkedIsDone(chunks)) return upTo;
    const trailer = forwardedTrailer(chunks.trailer);
    if (trailer === null) return this.refuse(400, "a malformed trailer section");
    this.done = true;
    take(`0\r\n${trailer}\r\n`);
    return upTo;
  }

  private refuse(status: number, problem: string): number {
    this.status = status;
    this.problem = problem;
    return -1;
  }
}

export interface BodyLimits {
  readonly headBytesMax: number;
  readonly requestBytesMax: number;
}
