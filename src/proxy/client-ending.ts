// The ways in which a client's connection ends. Closing on bytes that were not read sends a reset, which destroys what the
// client has not read (RFC 9112 section 9.6): so where something may still come, we linger.
import type { Socket } from "node:net";
import type { ClientInput } from "./client-input.ts";
import type { ClientOutput } from "./client-output.ts";
import type { Peer } from "./peer.ts";

/** Where nothing more can come: once everything is sent. That sends the FIN, of TLS only ending the alert. */
export function closeClean(socket: Socket, out: ClientOutput, { proto }: Peer): void {
  out.writeNow();
  if (proto === "http" && socket.writableLength === 0) socket.destroy();
  else socket.destroySoon();
}

/** So that the client cannot take what it got for whole. Only a bare TCP socket can be reset. */
export function reset(socket: Socket, { proto }: Peer): void {
  if (proto === "http" && socket.remoteAddress !== undefined) socket.resetAndDestroy();
  else socket.destroy();
}

/** For the client to read our last word, and to close. */
const lingerMs = 2_000;
const lingerBytesMax = 1024 * 1024;

/** After our last word we send FIN, and read on and throw away. */
export class Linger {
  private readonly socket: Socket;
  private bytes = 0;
  private sinceMs: number;

  constructor(socket: Socket, input: ClientInput, nowMs: number) {
    this.socket = socket;
    this.sinceMs = nowMs;
    socket.end();
    input.readOn();
  }

  read(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > lingerBytesMax && this.socket.writableLength === 0) this.socket.destroy();
  }

  /** The client has closed its side too. */
  end(): void {
    this.socket.destroySoon();
  }

  /** Its time begins when the last of our last word has left; until then it is bounded by the sender. */
  sweep(nowMs: number): void {
    if (this.socket.writableLength > 0) this.sinceMs = nowMs;
    else if (nowMs - this.sinceMs > lingerMs) this.socket.destroy();
  }
}
