// Reads one answer after another from a connection's bytes, with the data plane's own strict parser. What is wanted of
// an answer is its code, its size, and a sample in which the replica's name can be found.
import { createAnswerHead, parseAnswerHead } from "../http/answer-head.ts";
import { chunkedIsDone, createChunkedReader, readChunked, resetChunkedReader } from "../http/chunked.ts";
import { incomplete, refused } from "../http/fields.ts";
import { framing } from "../http/framing.ts";

const headBytesMax = 64 * 1024;
const headerCountMax = 200;
const trailerBytesMax = 16 * 1024;
/** Head and the body's beginning, where a replica's name is looked for. */
const sampleBytesMax = 4096;

/** How far the answer that is being read has come. */
export type AnswerProgress =
  | "more" // bytes are missing
  | "done" // it is complete, and `code` and the rest are right until the next `begin`
  | "malformed"; // see `problem`

export class AnswerReader {
  code = 0;
  /** Bytes of head and body. */
  bytes = 0;
  /** The server keeps the connection. */
  keeps = false;
  /** Head and beginning of the body, latin1; empty unless samples are taken. */
  sample = "";
  problem = "";
  private readonly samples: boolean;
  private readonly head = createAnswerHead(headerCountMax);
  private readonly chunks = createChunkedReader();
  private method = "GET";
  private held: Buffer | null = null;
  private inBody = false;
  private left = 0;

  constructor(samples: boolean) {
    this.samples = samples;
  }

  /** The next answer is one to a request of this method. */
  begin(method: string): void {
    this.method = method;
    this.held = null;
    this.inBody = false;
    this.bytes = 0;
    this.sample = "";
  }

  get hasBegun(): boolean {
    return this.bytes > 0 || this.held !== null;
  }

  take(chunk: Buffer): AnswerProgress {
    const bytes = this.held === null ? chunk : Buffer.concat([this.held, chunk]);
    this.held = null;
    return this.inBody ? this.readBody(bytes, 0) : this.readHead(bytes, 0);
  }

  /** The server has closed: true when that is how this answer ends. */
  end(): boolean {
    return this.inBody && this.head.body.kind === framing.untilClose;
  }

  private readHead(bytes: Buffer, from: number): AnswerProgress {
    const { head } = this;
    const end = parseAnswerHead(bytes, from, bytes.length, this.method, headBytesMax, head);
    if (end === refused) return this.malformed(head.problem);
    if (end === incomplete) {
      this.held = bytes.subarray(from);
      return "more";
    }
    this.bytes += end - from;
    if (head.code === 101)
      return this.malformed("101 Switching Protocols to a request that asked for no other");
    if (head.code < 200) return this.readHead(bytes, end);
    this.takeSample(bytes, from, end);
    this.code = head.code;
    this.keeps = head.versionMinor === 1 ? !head.connection.close : head.connection.keepAlive;
    if (head.body.kind === framing.untilClose) this.keeps = false;
    this.left = head.body.length;
    this.inBody = true;
    if (head.body.kind === framing.chunked) resetChunkedReader(this.chunks);
    return this.readBody(bytes, end);
  }

  private readBody(bytes: Buffer, from: number): AnswerProgress {
    const upTo = this.bodyEnd(bytes, from);
    if (upTo < 0) return this.malformed(this.chunks.problem);
    this.bytes += upTo - from;
    this.takeSample(bytes, from, upTo);
    if (!this.bodyIsDone) return "more";
    if (upTo < bytes.length) return this.malformed("bytes after the answer, which nobody has asked for");
    return "done";
  }

  private bodyEnd(bytes: Buffer, from: number): number {
    const { kind } = this.head.body;
    if (kind === framing.none) return from;
    if (kind === framing.chunked) return readChunked(this.chunks, bytes, from, bytes.length, trailerBytesMax);
    if (kind === framing.untilClose) return bytes.length;
    const upTo = Math.min(bytes.length, from + this.left);
    this.left -= upTo - from;
    return upTo;
  }

  private get bodyIsDone(): boolean {
    const { kind } = this.head.body;
    if (kind === framing.none) return true;
    if (kind === framing.chunked) return chunkedIsDone(this.chunks);
    return kind === framing.length && this.left === 0;
  }

  private takeSample(bytes: Buffer, from: number, to: number): void {
    const room = sampleBytesMax - this.sample.length;
    if (this.samples && room > 0) this.sample += bytes.toString("latin1", from, Math.min(to, from + room));
  }

  private malformed(problem: string): "malformed" {
    this.problem = problem;
    return "malformed";
  }
}
