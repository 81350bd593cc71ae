// The client's side of an exchange, as the exchange sees it: where the answer goes, when to stop reading, and what
// comes after. An HTTP/1.1 connection is one after another of these (downstream.ts); an HTTP/2 stream is one
// (h2/stream.ts).
import type { AnswerRelay } from "./answer-relay.ts";
import type { ClientOutput } from "./client-output.ts";
import type { ProxyContext } from "./context.ts";
import type { Peer } from "./peer.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";

/** How an answer goes to the client; see {@link AnswerRelay}, which writes HTTP/1.1. */
export type ClientRelay = Pick<AnswerRelay, keyof AnswerRelay>;

export interface ClientSide {
  readonly context: ProxyContext;
  readonly peer: Peer;
  readonly relay: ClientRelay;
  /** What waits for the client. */
  readonly out: Pick<ClientOutput, "isBlocked" | "holdsLent">;
  /** It may serve another request after this one. */
  readonly mayKeep: boolean;
  /** The client will send no more (FIN): it may have left, or wait for its answer. */
  readonly clientEnded: boolean;
  /** Reads no more from the client until {@link unpause}. */
  pause(): void;
  unpause(): void;
  destroy(): void;
  /**
   * An answer of our own. Closes afterwards unless the request was read whole and `keep` is true; tells whether it
   * closes. `type`: of the body.
   */
  answer(status: number, body: string, fields: string, method: string, keep: boolean, type: string): boolean;
  /** The exchange is over. `moreComes`: the client may be sending, the rest of this request or a further one. */
  exchangeDone(close: boolean, moreComes: boolean, nowMs: number): void;
  /**
   * Cuts the answer so that the client cannot take what it got for whole. `framed`: the end of the connection says so,
   * since it is not how this answer ends; else the connection is reset.
   */
  cut(framed: boolean): void;
  /** From now on the two connections are one tunnel; it gets what the client sent too early. */
  startTunnel(connection: UpstreamConnection, upstream: PooledUpstream): void;
}
