// One connection to an upstream: at most one exchange uses it at a time, and it goes back to its pool only when
// nothing about it is in doubt. The bytes it reads are valid only during the call that hands them over.
import { connect, type Socket } from "node:net";
import type { UpstreamFailure } from "./routing.ts";
import type { UpstreamAddress } from "./upstream.ts";

/** Who uses a connection: an exchange, or a tunnel. */
export interface ConnectionUser {
  onUpstreamConnected(): void;
  /** `bytes` beyond `length` mean nothing. False: read no more until {@link UpstreamConnection.resume}. */
  onUpstreamBytes(bytes: Buffer, length: number): boolean;
  /** What was written has gone out, after a write that asked to wait. */
  onUpstreamDrain(): void;
  /** The upstream will send no more (FIN). */
  onUpstreamEnd(): void;
  /** The connection is gone, for whatever reason but our own {@link UpstreamConnection.discard}. */
  onUpstreamGone(failure: UpstreamFailure): void;
}

/** Told when a connection is closed. */
export interface ConnectionOwner {
  onConnectionClosed(connection: UpstreamConnection): void;
}

/**
 * All connections read into one buffer: what is read is used or copied before the next read. Where reads are
 * posted in advance (Windows) each connection has its own.
 */
const readBufferBytes = 64 * 1024;
const sharedReadBuffer = process.platform === "win32" ? undefined : Buffer.allocUnsafeSlow(readBufferBytes);

export class UpstreamConnection {
  readonly socket: Socket;
  user: ConnectionUser | null = null;
  connected = false;
  closed = false;
  /** Exchanges that were completed on it. */
  exchanges = 0;
  /** performance.now() when it became idle, and when it is to be retired. */
  idleSinceMs = 0;
  idleUntilMs = 0;
  private readonly owner: ConnectionOwner;

  constructor(address: UpstreamAddress, owner: ConnectionOwner) {
    this.owner = owner;
    const buffer = sharedReadBuffer ?? Buffer.allocUnsafeSlow(readBufferBytes);
    this.socket = connect({
      ...address,
      noDelay: true,
      onread: { buffer, callback: (length) => this.onRead(buffer, length) },
    });
    this.socket.on("connect", () => {
      this.connected = true;
      this.user?.onUpstreamConnected();
    });
    this.socket.on("drain", () => this.user?.onUpstreamDrain());
    this.socket.on("end", () => this.onEnd());
    this.socket.on("error", () => this.onClosed());
    this.socket.on("close", () => this.onClosed());
  }

  /** Reads on after a user returned false. */
  resume(): void {
    this.socket.resume();
  }

  /** Closes it now, without telling its user. */
  discard(): void {
    this.user = null;
    this.socket.destroy();
    this.onClosed();
  }

  /** Closes it now; its user learns that it is gone. */
  fail(): void {
    this.socket.destroy();
    this.onClosed();
  }

  private onRead(buffer: Buffer, length: number): boolean {
    if (this.user !== null) return this.user.onUpstreamBytes(buffer, length);
    this.discard(); // nobody asked: whatever this is, it must not meet the next request
    return false;
  }

  private onEnd(): void {
    if (this.user === null) this.discard();
    else this.user.onUpstreamEnd();
  }

  private onClosed(): void {
    if (this.closed) return;
    this.closed = true;
    this.owner.onConnectionClosed(this);
    const { user } = this;
    this.user = null;
    user?.onUpstreamGone(this.connected ? "reset" : "refused");
  }
}
