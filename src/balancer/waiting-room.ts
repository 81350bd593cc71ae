// Where requests wait that nobody can take now: upstreams without a server, in which nobody gets a place. Their limits
// are those of any upstream's queue: so many, for so long. When somebody may serve, all of them are routed anew; who
// waited in vain gets 503, or 502 if it had been sent to a replica that failed it.
//
//   at rest   there are no replicas, and the request starts one (autoscale with min 0): as long as is configured
//   gap       who served last has just gone, and its successor is on its way: as long as for a place at a replica
//   doubt     all who serve have failed this request, and it is about to be known whether they are still there: briefly
import type { UpstreamLimits } from "../proxy/limits.ts";
import { createUpstream, type Upstream } from "../proxy/upstream.ts";

export interface RoomLimits {
  /** Requests that may wait; more get 503 at once. */
  readonly heldMax: number;
  /** How long one waits at most. */
  readonly waitMs: number;
}

/**
 * That a process has ended is known within milliseconds, that a container has within some tens, or a quarter of a second
 * on a machine that is busy. Who is not known to have ended by then has probably not.
 */
const doubtMs = 500;

export interface WaitingRooms {
  /** Null: nobody waits at rest. */
  readonly restLimits: RoomLimits | null;
  /** Where a request waits that nobody can take; null: it is answered with 503 at once. */
  roomFor(serving: number): Upstream | null;
  /** The fleet has changed, and so many serve now. */
  changed(serving: number): void;
  /** Who waits at rest goes to the new room, or to who serves; where there is neither, it stays for the replicas to come. */
  reconfigure(rest: RoomLimits | null, serving: number): void;
  /** Waiting now; and times that a request was to wait, ever since. */
  readonly held: number;
  readonly heldTotal: number;
}

export interface WaitingRoomsParts {
  /** Null: no room at rest. */
  readonly rest: RoomLimits | null;
  /** Of a gap: as many wait, and as long, as for a place at a replica. */
  readonly gap: Pick<UpstreamLimits, "waitingMax" | "waitMs">;
  /** How many replicas there should be: none, and nobody is on its way. */
  readonly desiredCount: () => number;
  /** A first request waits at rest; called again only when nobody had waited in between. */
  readonly wake: () => void;
  readonly nowMs?: () => number;
}

export function createWaitingRooms(parts: WaitingRoomsParts): WaitingRooms {
  const { desiredCount, wake, nowMs = () => performance.now() } = parts;
  const { waitingMax: heldMax, waitMs } = parts.gap;
  const gap = roomOf({ heldMax, waitMs });
  const doubt = roomOf({ heldMax, waitMs: Math.min(doubtMs, waitMs) });
  let restLimits = parts.rest;
  let rest = restLimits === null ? null : roomOf(restLimits);
  /** Closed by a reload while requests waited in them. */
  const closed: Upstream[] = [];
  let heldInClosed = 0;
  let servingBefore = 0;
  /** Until when a gap that has begun is worth waiting for; a fleet that never served has none. */
  let gapUntilMs = Number.NEGATIVE_INFINITY;

  /** Also heard of by the first request that finds nobody: exchanges of who has gone fail over before others are told. */
  function note(serving: number): void {
    if (serving === 0 && servingBefore > 0) gapUntilMs = nowMs() + waitMs;
    servingBefore = serving;
  }

  function roomForNobody(): Upstream | null {
    note(0);
    if (rest === null) return desiredCount() > 0 && nowMs() < gapUntilMs ? gap : null;
    if (rest.waiting === 0) wake();
    return rest;
  }

  function open(): Upstream[] {
    return rest === null ? [gap, doubt] : [gap, doubt, rest];
  }

  return {
    get restLimits() {
      return restLimits;
    },
    roomFor: (serving) => (serving > 0 ? doubt : roomForNobody()),
    changed(serving) {
      note(serving);
      doubt.reroute();
      if (serving > 0) for (const room of [gap, rest, ...closed.splice(0)]) room?.reroute();
      else if (desiredCount() === 0) gap.reroute();
    },
    reconfigure(next, serving) {
      if (rest !== null) closed.push(rest);
      heldInClosed += rest?.stats.foundFull ?? 0;
      restLimits = next;
      rest = next === null ? null : roomOf(next);
      if (rest !== null || serving > 0) for (const room of closed.splice(0)) room.reroute();
    },
    get held() {
      return [...open(), ...closed].reduce((sum, room) => sum + room.waiting, 0);
    },
    get heldTotal() {
      return open().reduce((sum, room) => sum + room.stats.foundFull, heldInClosed);
    },
  };
}

function roomOf({ heldMax, waitMs }: RoomLimits): Upstream {
  return createUpstream({
    name: "(waiting room)",
    kind: "room",
    address: { path: "" },
    limits: { connectionsMax: 0, waitingMax: heldMax, waitMs },
  });
}
