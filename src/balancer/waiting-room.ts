// Where requests wait while there are no replicas (autoscale with min 0): an upstream without a server, in which nobody
// gets a place. Its limits are those of any upstream's queue: so many, for so long. When somebody serves, all of them
// are routed anew; who waited in vain gets 503.
import { createUpstream, type Upstream } from "../proxy/upstream.ts";

export interface RoomLimits {
  /** Requests that may wait; more get 503 at once. */
  readonly heldMax: number;
  /** How long one waits at most. */
  readonly waitMs: number;
}

export interface WaitingRoom {
  readonly limits: RoomLimits;
  readonly upstream: Upstream;
  /** Somebody is about to enter. */
  enter(): Upstream;
  /** Those who wait are routed anew. */
  empty(): void;
  /** Waiting now, and ever since. */
  readonly held: number;
  readonly entered: number;
}

/** @param wake a first request waits; called again only when the room was empty in between */
export function createWaitingRoom(limits: RoomLimits, wake: () => void): WaitingRoom {
  const upstream = createUpstream({
    name: "(waiting room)",
    kind: "room",
    address: { path: "" },
    limits: { connectionsMax: 0, waitingMax: limits.heldMax, waitMs: limits.waitMs },
  });
  let entered = 0;
  return {
    limits,
    upstream,
    enter: () => {
      entered += 1;
      if (upstream.waiting === 0) wake();
      return upstream;
    },
    empty: () => upstream.reroute(),
    get held() {
      return upstream.waiting;
    },
    get entered() {
      return entered;
    },
  };
}
