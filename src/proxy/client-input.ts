// What comes from a client, taken where Node hands it to the stream: `push`, the documented method by which a stream's
// source delivers a chunk. A readable stream's own queue, ticks and events cost 1.5 µs per chunk and do nothing for a
// reader that always takes everything at once. Not for upstream sockets: those have `onread`, which does not exist for
// accepted ones.
import type { Socket } from "node:net";

const nothing = Buffer.alloc(0);

export class ClientInput {
  private readonly socket: Socket;
  /** The stream's own; the end of the stream (null) still goes through it, so `end` and half-close are as ever. */
  private readonly push: Socket["push"];
  private paused = false;
  private asked = false;
  private isHeldBack = false;

  private readonly take: (chunk: Buffer) => void;

  /** `take` gets every chunk, in order: also through `data`, should a Node not come by `push`. */
  constructor(socket: Socket, take: (chunk: Buffer) => void) {
    this.socket = socket;
    this.push = socket.push;
    this.take = take;
    socket.on("data", take);
    if (socket.readableLength > 0) return; // what came before us is still queued, and the rest has to queue behind it
    socket.push = (chunk: Buffer | null): boolean => {
      if (chunk === null || chunk.length === 0) return this.push.call(socket, chunk);
      take(chunk);
      return !this.paused; // false: the source stops reading
    };
  }

  /** Reads no more; a chunk that has been read already may still come. */
  pause(): void {
    this.asked = true;
    this.settle();
  }

  resume(): void {
    this.asked = false;
    this.settle();
  }

  /** A second reason not to read, besides {@link pause}: either is enough. */
  holdBack(isHeldBack: boolean): void {
    this.isHeldBack = isHeldBack;
    this.settle();
  }

  private settle(): void {
    const paused = this.asked || this.isHeldBack;
    if (paused === this.paused) return;
    this.paused = paused;
    if (paused) this.socket.pause();
    else this.readAgain();
  }

  /** Reads, whatever was said before. */
  readOn(): void {
    this.asked = false;
    this.isHeldBack = false;
    this.paused = false;
    this.readAgain();
  }

  /** The stream is as it was before us, and somebody else reads it. */
  leave(): void {
    Reflect.deleteProperty(this.socket, "push");
    this.socket.off("data", this.take);
    this.socket.pause();
  }

  private readAgain(): void {
    this.push.call(this.socket, nothing); // to the stream, one read has been answered and the next may be asked for
    this.socket.resume();
  }
}
