// The seam between the data plane and whoever decides where a request goes. The data plane reads a routing
// decision and reports what it saw; it never waits for an answer.
import type { Upstream } from "./upstream.ts";
import type { UpstreamFailure } from "./upstream-connection.ts";

export type { UpstreamFailure } from "./upstream-connection.ts";

/** What a routing decision may look at: a view of the exchange, valid only during the call. */
export interface RoutedRequest {
  /** As received, for example `GET`. */
  readonly method: string;
  /** Origin-form target as received, raw (never decoded): `/a%2Fb?x=1`; or `*`. */
  readonly target: string;
  /** Value of the field with this lower-case name, of several joined with `, ` (Cookie: `; `); or undefined. */
  header(name: string): string | undefined;
  /** The socket's peer address, for example `127.0.0.1` or `::1`. Never taken from a header. */
  readonly peerAddress: string;
  /** True when the peer is in a trusted-proxy network; then X-Forwarded-For may be believed. */
  readonly peerTrusted: boolean;
  /** Set by the routing when an access log is kept: what the request was routed by. */
  routingKey: string | number | undefined;
  /** Set by the routing to have `Set-Cookie: <value>` added to the answer (the issued sticky cookie). */
  setCookie: string | undefined;
  /** Set by the routing: it changes something although its method says it does not, and is never sent twice. */
  atMostOnce?: boolean;
}

/** A failure that we report ourselves, as its client is to read it. */
export interface OwnFailure {
  readonly status: number;
  /** Content-Type. */
  readonly type: string;
  readonly body: string;
}

/** Decides where requests go. Called on the hot path: no allocation where it can be helped, never async. */
export interface Routing {
  /**
   * The upstream for this request; `tried` holds those that failed it already (empty the first time).
   * Null: nobody can serve it, and the data plane answers with {@link Routing.unavailable}.
   */
  pick(request: RoutedRequest, tried: readonly Upstream[]): Upstream | null;
  /** What is sent when `pick` gave null: Retry-After in seconds, status (default 503), Content-Type (default JSON). */
  unavailable(request: RoutedRequest): {
    readonly body: string;
    readonly retryAfterS: number;
    readonly status?: number;
    readonly type?: string;
  };
  /** How a failure that we report ourselves is told to the clients of this target; undefined: as JSON of ours. */
  failure?(target: string, status: number, problem: string): OwnFailure | undefined;
}

/** What the data plane tells the control plane. Calls are cheap and must not throw. */
export interface ProxyObserver {
  /** An exchange or a connection attempt failed on this upstream. `problem`: with `protocol`, what was malformed. */
  upstreamFailed(upstream: Upstream, failure: UpstreamFailure, problem: string): void;
  /** A request has waited 250 ms for this upstream's first byte: probe it now. Once per exchange. */
  upstreamSilent(upstream: Upstream): void;
  /** A request goes to an upstream that is watched ({@link Upstream.watched}). */
  upstreamAsked(upstream: Upstream): void;
  /** An answer came whole: one from 500 of any upstream, others of one that is watched. */
  upstreamAnswered(upstream: Upstream, code: number): void;
}
