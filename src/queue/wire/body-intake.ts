// A request body on its way in, kept whole: by its length, or in chunks. A body that lies in one piece of what was
// read is not copied.
import { chunkedIsDone, createChunkedReader, readChunked, resetChunkedReader } from "../../http/chunked.ts";
import { type BodyFraming, framing } from "../../http/framing.ts";
import { giveBack, takeBuffer } from "../reused-memory.ts";

const trailerBytesMax = 8 * 1024;
const nothing: Buffer = Buffer.alloc(0);
/** Up to here an announced body gets its room at once; a longer one as it comes: announcing much is free for its sender. */
const roomAtOnceBytes = 1024 * 1024;
const firstRoomBytes = 4096;

export class BodyIntake {
  /** What is wrong with it: status and words. */
  status = 0;
  problem = "";
  private readonly chunked = createChunkedReader();
  private readonly bytesMax: number;
  private kind: number = framing.none;
  private announced = 0;
  private buffer = nothing;
  private filled = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Begins the body of this head. False when it is refused by what it announces. */
  begin({ kind, length }: BodyFraming): boolean {
    this.kind = kind;
    this.announced = kind === framing.length ? length : 0;
    this.buffer = nothing;
    this.filled = 0;
    resetChunkedReader(this.chunked);
    return this.announced <= this.bytesMax || this.tooLong();
  }

  get isComplete(): boolean {
    return this.kind === framing.chunked ? chunkedIsDone(this.chunked) : this.filled === this.announced;
  }

  /** Bytes that have come: what is only announced takes nothing yet. */
  get bytes(): number {
    return this.filled;
  }

  /** Reads on in `bytes`: the offset after what belongs to this body, or −1 when it is refused. */
  read(bytes: Buffer, from: number): number {
    if (this.kind === framing.chunked) return this.readChunks(bytes, from);
    const end = Math.min(bytes.length, from + this.announced - this.filled);
    if (this.filled === 0 && end - from === this.announced) {
      this.buffer = bytes.subarray(from, end);
      this.filled = this.announced;
    } else this.append(bytes, from, end);
    return end;
  }

  private readChunks(bytes: Buffer, from: number): number {
    const upTo = readChunked(this.chunked, bytes, from, bytes.length, trailerBytesMax);
    if (upTo < 0) {
      this.status = 400;
      this.problem = this.chunked.problem;
      return -1;
    }
    if (this.filled + this.chunked.dataBytes > this.bytesMax) {
      this.tooLong();
      return -1;
    }
    const { segments } = this.chunked;
    for (let i = 0; i < segments.length; i += 2)
      this.append(bytes, segments[i] as number, segments[i + 1] as number);
    return upTo;
  }

  private append(bytes: Buffer, start: number, end: number): void {
    const needed = this.filled + end - start;
    if (needed > this.buffer.length) {
      const larger = takeBuffer(this.roomFor(needed));
      this.buffer.copy(larger, 0, 0, this.filled);
      giveBack(this.buffer);
      this.buffer = larger;
    }
    bytes.copy(this.buffer, this.filled, start, end);
    this.filled = needed;
  }

  private roomFor(needed: number): number {
    const { announced } = this;
    if (announced > 0 && announced <= roomAtOnceBytes) return announced;
    const room = Math.max(needed, 2 * this.buffer.length, firstRoomBytes);
    return announced > 0 ? Math.min(room, announced) : room;
  }

  private tooLong(): false {
    this.status = 413;
    this.problem = `the body is longer than ${this.bytesMax} bytes; send it in several requests`;
    return false;
  }

  /** The whole body; the intake lets go of it. */
  take(): Buffer {
    const whole = this.buffer.length === this.filled ? this.buffer : this.buffer.subarray(0, this.filled);
    this.buffer = nothing;
    return whole;
  }
}
