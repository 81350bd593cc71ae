// What a connection becomes after a real 101: bytes both ways, unread, with backpressure, until either side ends.
import type { Socket } from "node:net";
import type { ClientOutput } from "./client-output.ts";
import type { ProxyContext } from "./context.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { ConnectionUser, UpstreamConnection } from "./upstream-connection.ts";

/** The client's end of a tunnel. */
export interface TunnelClient {
  readonly context: ProxyContext;
  readonly socket: Socket;
  readonly out: ClientOutput;
  /** Reads no more from the client until {@link unpause}. */
  pause(): void;
  unpause(): void;
  destroy(): void;
}

export class Tunnel implements ConnectionUser {
  private readonly downstream: TunnelClient;
  private readonly connection: UpstreamConnection;
  private readonly upstream: PooledUpstream;
  private upstreamPaused = false;
  private open = true;
  private active = true;
  private quietSinceMs = 0;
  /** What waited for the upstream at the last sweep. */
  private unsentBytes = 0;

  constructor(downstream: TunnelClient, connection: UpstreamConnection, upstream: PooledUpstream) {
    this.downstream = downstream;
    this.connection = connection;
    this.upstream = upstream;
  }

  onClientBytes(chunk: Buffer): void {
    this.active = true;
    this.connection.bytes(chunk);
    if (this.connection.unsentBytes > this.downstream.context.limits.bufferedBytesMax / 2)
      this.downstream.pause();
  }

  onUpstreamDrain(): void {
    this.downstream.unpause();
  }

  onUpstreamBytes(bytes: Buffer, start: number, end: number): boolean {
    this.active = true;
    this.downstream.out.bytes(Buffer.from(bytes.subarray(start, end)));
    this.upstreamPaused = this.downstream.out.isBlocked;
    return !this.upstreamPaused;
  }

  onClientDrain(): void {
    if (!this.upstreamPaused) return;
    this.upstreamPaused = false;
    this.connection.resume();
  }

  onUpstreamSent(): void {}

  onClientEnd(): void {
    this.connection.socket.end();
    this.downstream.unpause();
  }

  onUpstreamEnd(): void {
    this.downstream.socket.end();
  }

  onClientClosed(): void {
    if (!this.close()) return;
    this.connection.discard();
  }

  onUpstreamGone(): void {
    if (this.close()) this.downstream.socket.destroySoon();
  }

  private close(): boolean {
    if (!this.open) return false;
    this.open = false;
    this.upstream.inFlight--;
    return true;
  }

  /**
   * Silence is legal, but not where bytes wait for the upstream: the client is not read then, and if it has gone nothing
   * else would ever tell.
   */
  sweep(nowMs: number): void {
    const { tunnelIdleMs, sendIdleMs } = this.downstream.context.limits;
    const unsent = this.connection.unsentBytes;
    if (this.active || unsent !== this.unsentBytes) {
      this.active = false;
      this.unsentBytes = unsent;
      this.quietSinceMs = nowMs;
    } else if (nowMs - this.quietSinceMs > (unsent > 0 ? Math.min(sendIdleMs, tunnelIdleMs) : tunnelIdleMs))
      this.downstream.destroy();
  }
}
