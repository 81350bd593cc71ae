// The messages of one request as columns: where each one's parts lie in the body. Nothing is copied before the record
// batch is made, and the columns are used again for the next request.
import type { RecordHeader } from "../records.ts";

/** "None" in a column of places. */
export const NONE = -1;

export class MessageTable {
  /** What the places refer to. */
  source: Buffer = Buffer.alloc(0);
  count = 0;
  keyStart = new Int32Array(1024);
  keyEnd = new Int32Array(1024);
  valueStart = new Int32Array(1024);
  valueEnd = new Int32Array(1024);
  /** ms since the Unix epoch; NaN: none of its own. */
  timestampMs = new Float64Array(1024);
  readonly headers: (readonly RecordHeader[] | null)[] = [];
  /** Some message has headers, or a time of its own. */
  isPlain = true;

  reset(source: Buffer): void {
    this.source = source;
    this.count = 0;
    this.headers.length = 0;
    this.isPlain = true;
  }

  /** Adds an empty message and returns its place. */
  add(): number {
    const index = this.count++;
    if (index >= this.keyStart.length) this.grow();
    this.keyStart[index] = NONE;
    this.valueStart[index] = NONE;
    this.keyEnd[index] = 0;
    this.valueEnd[index] = 0;
    this.timestampMs[index] = Number.NaN;
    this.headers[index] = null;
    return index;
  }

  private grow(): void {
    const size = this.keyStart.length * 2;
    this.keyStart = widened(this.keyStart, size);
    this.keyEnd = widened(this.keyEnd, size);
    this.valueStart = widened(this.valueStart, size);
    this.valueEnd = widened(this.valueEnd, size);
    const times = new Float64Array(size);
    times.set(this.timestampMs);
    this.timestampMs = times;
  }

  keyText(index: number): string | null {
    const start = this.keyStart[index] as number;
    return start === NONE ? null : this.source.toString("utf8", start, this.keyEnd[index]);
  }

  /** Key, value and headers together. */
  bytesOf(index: number): number {
    let bytes = 0;
    if (this.keyStart[index] !== NONE)
      bytes += (this.keyEnd[index] as number) - (this.keyStart[index] as number);
    if (this.valueStart[index] !== NONE)
      bytes += (this.valueEnd[index] as number) - (this.valueStart[index] as number);
    for (const header of this.headers[index] ?? [])
      bytes += Buffer.byteLength(header.key) + (header.value?.length ?? 0);
    return bytes;
  }
}

function widened(column: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(size);
  wider.set(column);
  return wider;
}
