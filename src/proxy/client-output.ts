// What goes to a client: text is gathered and written at the end of the turn, bytes go at once and take the text
// before them along. Bytes are copied as seldom as their owner's rules allow.
import type { Socket } from "node:net";
import { sharedReadBytes } from "./read-buffer.ts";
import { atTurnEnd, type TurnWriter } from "./turn.ts";

/** Text that waits for the end of the turn; more is written at once. */
const textBytesMax = 16 * 1024;

/**
 * Where text and bytes are joined for one write. Mostly the kernel takes all of it at once; when it does not, libuv
 * goes on writing from it, and the next writer gets another.
 */
const joinedBytes = sharedReadBytes + textBytesMax;
let joined = Buffer.allocUnsafeSlow(joinedBytes);

export class ClientOutput implements TurnWriter {
  private readonly socket: Socket;
  private readonly bufferedBytesMax: number;
  /** TLS writes are never over at once. */
  private readonly writesAtOnce: boolean;
  private gathered = "";
  /** How much of it is to be written at the end of the turn; the rest may still be dropped. */
  private flushed = 0;
  /** What waited for the client at the last sweep, and since when that has not changed. */
  private unsentBytes = 0;
  private unsentSinceMs = 0;
  /** Bytes that the socket had not taken whole are their owner's, who must not touch them until it has. */
  private owesLent = false;
  /** The socket had not taken all when it was last given something. */
  private owes = false;

  constructor(socket: Socket, bufferedBytesMax: number) {
    this.socket = socket;
    this.bufferedBytesMax = bufferedBytesMax;
    this.writesAtOnce = !("encrypted" in socket);
  }

  text(latin1: string): void {
    this.gathered += latin1;
  }

  bytes(bytes: Buffer): void {
    this.socket.cork();
    this.writeNow();
    this.owes = true;
    this.socket.write(bytes);
    this.socket.uncork();
  }

  /**
   * Bytes that will be overwritten. More than the shared read buffer has room for are in a buffer that is their
   * connection's own, and written from there: while {@link holdsLent}, it must be left alone. Others are copied.
   */
  lent(bytes: Buffer, start: number, end: number): void {
    if (end - start > sharedReadBytes) {
      this.bytes(bytes.subarray(start, end));
      this.owesLent = this.socket.writableLength > 0;
    } else if (!this.joins(bytes, start, end)) this.bytes(Buffer.from(bytes.subarray(start, end)));
  }

  private joins(bytes: Buffer, start: number, end: number): boolean {
    const { gathered, socket } = this;
    const length = gathered.length + end - start;
    if (!this.writesAtOnce || length > joinedBytes || socket.writableLength > 0) return false;
    this.gathered = "";
    this.flushed = 0;
    joined.write(gathered, 0, "latin1");
    bytes.copy(joined, gathered.length, start, end);
    socket.write(joined.subarray(0, length));
    this.owes = socket.writableLength > 0;
    if (this.owes) joined = Buffer.allocUnsafeSlow(joinedBytes);
    return true;
  }

  /** The socket still writes bytes that were lent; it tells by `drain` when it no longer does. */
  get holdsLent(): boolean {
    return this.owesLent && this.socket.writableLength > 0;
  }

  /** Forgets text that was not flushed yet. */
  dropText(): void {
    this.gathered = this.gathered.slice(0, this.flushed);
  }

  /** What was gathered is sent at the end of this turn. */
  flush(): void {
    if (this.gathered === "") return;
    if (this.gathered.length > textBytesMax) {
      this.writeNow();
      return;
    }
    if (this.flushed === 0) atTurnEnd(this);
    this.flushed = this.gathered.length;
  }

  writeNow(): void {
    const text = this.gathered;
    this.flushed = 0;
    if (text === "") return;
    this.gathered = "";
    this.socket.write(text, "latin1");
    this.owes = this.socket.writableLength > 0;
  }

  /** The socket has not taken all that it was given. */
  get hasUnsent(): boolean {
    return this.socket.writableLength > 0;
  }

  /** So much waits for the client that no more should be read for it. */
  get isBlocked(): boolean {
    if (!this.owes) return false;
    const unsent = this.socket.writableLength;
    if (unsent === 0 || (!this.owesLent && unsent <= this.bufferedBytesMax / 2)) return false;
    return this.socket.writableNeedDrain; // else no `drain` would end it
  }

  /** For how long the client has taken nothing of what waits for it. */
  stuckMs(nowMs: number): number {
    const unsent = this.socket.writableLength;
    if (unsent === 0 || unsent !== this.unsentBytes) {
      this.unsentBytes = unsent;
      this.unsentSinceMs = nowMs;
    }
    return nowMs - this.unsentSinceMs;
  }
}
