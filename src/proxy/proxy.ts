// The data plane's front: sockets in, exchanges through. What one exchange does is in exchange.ts.
import type { Socket } from "node:net";
import type { ProxyLimits } from "./limits.ts";
import type { ProxyObserver, Routing } from "./routing.ts";

/** What is added to a forwarded request. Hop-by-hop fields are always removed, and those that Connection names. */
export interface HeaderPolicy {
  /** X-Forwarded-For, -Proto and -Host, rebuilt from the socket unless the peer is trusted. Default: true. */
  readonly xForwarded: boolean;
  /** Forwarded (RFC 7239). Default: false; a client's own is removed unless the peer is trusted. */
  readonly forwarded: boolean;
  /** Via in requests, which RFC 9110 section 7.6.3 demands of a gateway. Default: true. */
  readonly via: boolean;
  /** X-Request-Id: a sane one is kept, else one is made. Default: true. */
  readonly requestId: boolean;
  /**
   * Names with `_`, which CGI-like servers cannot tell from `-` (so that `X_Forwarded_For` would pass for our own
   * field): left out (default), refused with 400, or forwarded.
   */
  readonly underscoreNames: "drop" | "refuse" | "forward";
}

export interface ProxyOptions {
  /** Read anew for every request, so that a new routing is one assignment: `() => current`. */
  readonly routing: () => Routing;
  readonly observer: ProxyObserver;
  /** Every limit has a safe default. */
  readonly limits?: Partial<ProxyLimits>;
  /** Networks (`10.0.0.0/8`) or addresses whose X-Forwarded-* are believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  readonly headers?: Partial<HeaderPolicy>;
  /** Opt-in: requests of one event-loop turn share an upstream connection. Default: false. */
  readonly upstreamBatching?: boolean;
}

/** What a proxy counts besides its upstreams' own counters. */
export interface ProxyStats {
  /** Downstream connections open now, and since the start. */
  connections: number;
  connectionsTotal: number;
  /** Connections turned away because of a connection limit. */
  connectionsRefused: number;
  /** Requests with a well-formed head. */
  requests: number;
  /** Answers that the proxy made itself, by status code (400, 408, 413, 431, 502, 503, 504 …). */
  readonly ownAnswers: Map<number, number>;
}

export interface Proxy {
  /**
   * Takes over an accepted connection: net.Server's `connection` event, or tls.Server's `secureConnection`.
   * Make the server with `{ noDelay: true, allowHalfOpen: true }`.
   */
  accept(socket: Socket): void;
  readonly stats: ProxyStats;
  /**
   * Answers what is under way with `Connection: close`, closes idle connections, and resolves when all are gone
   * or after `deadlineMs`, when the rest is destroyed.
   */
  drain(deadlineMs: number): Promise<void>;
}
