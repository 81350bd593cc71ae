// The client's side of an exchange, as the exchange sees it: where the answer goes, when to stop reading, and what
// comes after. The connection behind it is in downstream.ts.
import type { Peer } from "./forwarded-request.ts";
import type { Tunnel, TunnelClient } from "./tunnel.ts";

export interface ClientSide extends TunnelClient {
  readonly peer: Peer;
  /** The connection may serve another request after this one. */
  readonly mayKeep: boolean;
  /** The client will send no more (FIN): it may have left, or wait for its answer. */
  readonly clientEnded: boolean;
  /**
   * An answer of our own. Closes afterwards unless the request was read whole and `keep` is true; tells whether it
   * closes.
   */
  answer(status: number, body: string, fields: string, method: string, keep: boolean): boolean;
  /** The exchange is over. `moreComes`: the client may be sending, the rest of this request or a further one. */
  exchangeDone(close: boolean, moreComes: boolean, nowMs: number): void;
  /**
   * Ends the connection so that the client cannot take what it got for whole. `framed`: the end of the connection
   * says so, since it is not how this answer ends; else the connection is reset.
   */
  cut(framed: boolean): void;
  /** From now on `tunnel` has the connection; it gets what the client sent too early. */
  startTunnel(tunnel: Tunnel): void;
}
