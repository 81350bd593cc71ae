// What a proxy knows of a client's connection, whatever is spoken on it.
import type { Peer } from "./peer.ts";

/** Who was served so recently may have sent its next request when a drain begins: it is answered. In ms. */
export const drainIdleMs = 300;

export interface ClientConnection {
  readonly peer: Peer;
  /** Its place in its owner's list. */
  index: number;
  /** No further request: close now if idle, else after the last answer. */
  drain(): void;
  /** Closes it now, whatever is under way. */
  destroy(): void;
  /** Looks at its deadlines, ten times a second. */
  sweep(nowMs: number): void;
}

/** Whose connections they are. */
export interface ClientConnectionOwner {
  onConnectionClosed(connection: ClientConnection): void;
}
