// Bytes that came before they could be used: a head in pieces, a held answer, a pipelined request. One buffer that
// doubles, so that many small pieces cost no more than one large one.

export class HeldBytes {
  private buffer: Buffer;
  length: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.length = end - start;
    this.buffer = Buffer.allocUnsafe(Math.max(512, this.length));
    this.buffer.set(bytes.subarray(start, end));
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.buffer.length));
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer = larger;
    }
    this.buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.length);
    this.length = needed;
  }

  /** A view of what is held; never written again once taken. */
  bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
}
