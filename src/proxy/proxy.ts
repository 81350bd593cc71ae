// The data plane's front: sockets in, exchanges through. What one exchange does is in exchange.ts.
import type { Socket } from "node:net";
import type { ProxyLimits } from "./limits.ts";
import type { ProxyObserver, Routing } from "./routing.ts";

export interface ProxyOptions {
  /** Read anew for every request, so that a new routing is one assignment: `() => current`. */
  readonly routing: () => Routing;
  readonly observer: ProxyObserver;
  /** Every limit has a safe default. */
  readonly limits?: Partial<ProxyLimits>;
  /** CIDR networks whose X-Forwarded-* are believed. Default: none. */
  readonly trustedProxies?: readonly string[];
}

/** What a proxy counts besides its upstreams' own counters. */
export interface ProxyStats {
  /** Downstream connections open now, and since the start. */
  connections: number;
  connectionsTotal: number;
  /** Answers that the proxy made itself, by status code (400, 408, 413, 431, 502, 503, 504 …). */
  readonly ownAnswers: Map<number, number>;
}

export interface Proxy {
  /** Takes over an accepted TCP connection (from net.Server's `connection` event). */
  accept(socket: Socket): void;
  readonly stats: ProxyStats;
  /**
   * Answers what is under way with `Connection: close`, closes idle connections, and resolves when all are gone
   * or after `deadlineMs`, when the rest is destroyed.
   */
  drain(deadlineMs: number): Promise<void>;
}
