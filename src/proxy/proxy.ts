// The data plane's front: sockets in, exchanges through. What one exchange does is in exchange.ts.
import type { Socket } from "node:net";
import type { ClientConnection } from "./client-connection.ts";
import {
  countOwnAnswer,
  createContext,
  type ProxyOptions,
  type ProxySettings,
  type ProxyStats,
  reconfigure,
} from "./context.ts";
import { Downstream } from "./downstream.ts";
import { Http2Connection } from "./h2/connection.ts";
import { createPeer, forgetMade, type Peer } from "./peer.ts";
import { peerAddress, trustOf } from "./peer-trust.ts";
import { startSweep, stopSweep } from "./sweep.ts";
import { settleReads } from "./turn.ts";

export type { ProxyOptions, ProxySettings, ProxyStats } from "./context.ts";

export interface Proxy {
  /**
   * Takes over an accepted connection: net.Server's `connection` event, or tls.Server's `secureConnection`. HTTP/2
   * is spoken where ALPN says `h2`, and without TLS to a client that begins with its preface.
   * Make the server with `{ noDelay: true, allowHalfOpen: true }`.
   */
  accept(socket: Socket): void;
  readonly stats: ProxyStats;
  /**
   * From now on these hold, also for requests on connections that are open; whether a peer is trusted is decided when
   * it connects. What is not given has its default again.
   */
  reconfigure(settings: ProxySettings): void;
  /**
   * Answers what is under way with `Connection: close`, closes idle connections, and resolves when all are gone
   * or after `deadlineMs`, when the rest is destroyed. May be called again with a shorter deadline.
   */
  drain(deadlineMs: number): Promise<void>;
}

export function createProxy(options: ProxyOptions): Proxy {
  const context = createContext(options);
  const { stats } = context;
  let isTrusted = trustOf(options.trustedProxies ?? []);
  const open: ClientConnection[] = [];
  const byAddress = new Map<string, number>();
  let drained: (() => void) | undefined;

  const owner = {
    onConnectionClosed(connection: ClientConnection): void {
      const last = open.pop() as ClientConnection;
      if (last !== connection) {
        open[connection.index] = last;
        last.index = connection.index;
      }
      stats.connections = open.length;
      const { address } = connection.peer;
      const left = (byAddress.get(address) ?? 1) - 1;
      if (left === 0) byAddress.delete(address);
      else byAddress.set(address, left);
      if (open.length > 0) return;
      stopSweep(sweep);
      drained?.();
    },
    onHttp2({ socket, peer, index }: Downstream, bytes: Buffer): void {
      const { address, trusted, proto } = peer;
      const connection = startHttp2(socket, createPeer(address, trusted, proto, 2), bytes);
      connection.index = index;
      open[index] = connection;
      if (context.draining) connection.drain();
    },
  };

  function startHttp2(socket: Socket, peer: Peer, early: Buffer | null): Http2Connection {
    stats.http2ConnectionsTotal++;
    return new Http2Connection(socket, peer, context, owner, early);
  }

  // Backwards: what closes is replaced by what was last, which has been looked at.
  const sweep = (): void => {
    const nowMs = context.nowMs();
    for (let index = open.length - 1; index >= 0; index--) open[index]?.sweep(nowMs);
  };

  function accept(socket: Socket): void {
    const address = peerAddress(socket);
    const fromAddress = byAddress.get(address) ?? 0;
    const { limits } = context;
    if (open.length >= limits.connectionsMax || fromAddress >= limits.connectionsPerAddressMax) {
      turnAway(socket);
      return;
    }
    byAddress.set(address, fromAddress + 1);
    stats.connectionsTotal++;
    const proto = "encrypted" in socket && socket.encrypted === true ? "https" : "http";
    const version = "alpnProtocol" in socket && socket.alpnProtocol === "h2" ? 2 : 1;
    const peer = createPeer(address, isTrusted(address), proto, version);
    const connection =
      version === 2
        ? startHttp2(socket, peer, null)
        : new Downstream(socket, peer, context, owner, context.nowMs());
    if (open.length === 0) startSweep(sweep);
    connection.index = open.push(connection) - 1;
    stats.connections = open.length;
  }

  function turnAway(socket: Socket): void {
    stats.connectionsRefused++;
    countOwnAnswer(stats, 503);
    socket.on("error", () => socket.destroy());
    socket.end(tooManyConnections);
    socket.destroySoon();
  }

  let gone: Promise<void> | null = null;
  let lastCall: NodeJS.Timeout | undefined;
  let lastCallMs = Number.POSITIVE_INFINITY;

  function drain(deadlineMs: number): Promise<void> {
    context.draining = true;
    // What came while this process was held up lies in the sockets still. It is read first: between two immediates.
    setImmediate(setImmediate, drainAll);
    if (open.length === 0) return Promise.resolve();
    gone ??= new Promise((resolve) => {
      drained = () => {
        clearTimeout(lastCall);
        resolve();
      };
    });
    hurry(deadlineMs);
    return gone;
  }

  function drainAll(): void {
    settleReads();
    for (const connection of [...open]) connection.drain();
  }

  /** A second drain may end the first one sooner, never later. */
  function hurry(deadlineMs: number): void {
    const atMs = performance.now() + deadlineMs;
    if (atMs >= lastCallMs) return;
    lastCallMs = atMs;
    clearTimeout(lastCall);
    lastCall = setTimeout(() => {
      for (const connection of [...open]) connection.destroy();
    }, deadlineMs);
  }

  function change(next: ProxySettings): void {
    reconfigure(context, next);
    isTrusted = trustOf(next.trustedProxies ?? []);
    for (const { peer } of open) forgetMade(peer);
  }

  return { accept, stats, drain, reconfigure: change };
}

const tooManyConnections =
  "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
