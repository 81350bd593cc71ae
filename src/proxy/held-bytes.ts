// Bytes that came before they could be used: a head in pieces, a held answer, a pipelined request. One buffer that
// doubles, so that many small pieces cost no more than one large one.
import { CR } from "../http/bytes.ts";

export class HeldBytes {
  private buffer: Buffer;
  private from = 0;
  private end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.end = end - start;
    this.buffer = Buffer.allocUnsafe(Math.max(512, this.end));
    this.buffer.set(bytes.subarray(start, end));
  }

  get length(): number {
    return this.end - this.from;
  }

  /** CR, or CR LF, and nothing else. */
  get isEmptyLine(): boolean {
    return this.length <= 2 && this.buffer[this.from] === CR;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const added = end - start;
    if (this.end + added > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.length + added, 2 * this.length));
      this.end = this.buffer.copy(larger, 0, this.from, this.end);
      this.buffer = larger;
      this.from = 0;
    }
    this.buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.end);
    this.end += added;
  }

  /** The first `length` bytes are dealt with. What is held stays where it is: {@link bytes} taken before stay valid. */
  drop(length: number): void {
    this.from += length;
  }

  /** A view of what is held; never written again once taken. */
  bytes(): Buffer {
    return this.buffer.subarray(this.from, this.end);
  }
}
