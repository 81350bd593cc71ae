// What goes to a client: text is gathered and written at the end of the turn, bytes go at once and take the text
// before them along.
import type { Socket } from "node:net";
import { atTurnEnd, type TurnWriter } from "./turn.ts";

/** Text that waits for the end of the turn; more is written at once. */
const textBytesMax = 16 * 1024;

export class ClientOutput implements TurnWriter {
  private readonly socket: Socket;
  private readonly bufferedBytesMax: number;
  private gathered = "";
  /** How much of it is to be written at the end of the turn; the rest may still be dropped. */
  private flushed = 0;
  /** What waited for the client at the last sweep, and since when that has not changed. */
  private unsentBytes = 0;
  private unsentSinceMs = 0;

  constructor(socket: Socket, bufferedBytesMax: number) {
    this.socket = socket;
    this.bufferedBytesMax = bufferedBytesMax;
  }

  text(latin1: string): void {
    this.gathered += latin1;
  }

  bytes(bytes: Buffer): void {
    this.socket.cork();
    this.writeNow();
    this.socket.write(bytes);
    this.socket.uncork();
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
  }

  /** So much waits for the client that no more should be read for it. */
  get isBlocked(): boolean {
    return this.socket.writableLength > this.bufferedBytesMax / 2;
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
