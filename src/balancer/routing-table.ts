// Who serves which key, now: joins the fleet's replicas, the ring and the data plane's upstreams. The data plane reads
// one immutable snapshot; every change of the fleet makes a new one, swapped in by one assignment.
//
//   a replica becomes healthy → upstream made        → in the ring
//              stops answering → out of the ring, then its upstream retires (in-flight exchanges may still finish)
//              drains          → the same
//              dies            → out of the ring, then its upstream is destroyed (exchanges fail over at once)
import type { FleetChange, Replica } from "../fleet/fleet.ts";
import type { Upstream } from "../proxy/upstream.ts";
import { type BoundedLoad, boundedLoad } from "../ring/bounded-load.ts";
import type { Ring } from "../ring/ring.ts";
import { type LastChange, movedFraction, ringChange } from "./ring-change.ts";

/** What one request sees. Never changed after it was made. */
export interface RoutingSnapshot {
  readonly ring: Ring;
  /** Chooses among the seats by load too; null when loads are not bounded. */
  readonly bounded: BoundedLoad | null;
  /** The upstream on each seat; the index is the seat, undefined where nobody serves. */
  readonly upstreamsBySeat: readonly (Upstream | undefined)[];
  /** The replicas in the ring, in the order in which they joined. */
  readonly replicas: readonly Replica[];
}

export interface RoutingTable {
  /** The one to use for the next request. */
  readonly current: RoutingSnapshot;
  /** Takes in a change of the fleet; see {@link FleetChange.more}. */
  apply(change: FleetChange): void;
  /** Exchanges that a replica still has, of all its upstreams. */
  inFlightOf(name: string): number;
  /** Changes of the ring since the start. */
  readonly changes: number;
  /** Seat → fraction of the key space. Counted once per ring, when first asked for. */
  shares(): ReadonlyMap<number, number>;
  /** Slots that changed owner at the last change. Computed when first asked for. */
  slotsMoved(): number;
}

export interface RoutingTableParts {
  /** An empty ring of the chosen placement. */
  readonly ring: Ring;
  /** How many times its fair part of the requests in flight a replica may have; undefined: loads are not bounded. */
  readonly loadFactor?: number | undefined;
  /** What is in the ring; called when a change is complete. */
  readonly serving: () => readonly Replica[];
  readonly createUpstream: (name: string, address: NonNullable<Replica["address"]>) => Upstream;
  /** An upstream was made for a replica, or left it; for the counters. */
  readonly joined: (upstream: Upstream) => void;
  readonly left: (upstream: Upstream) => void;
  /** The ring could not be changed (the placement is full): the replica stays out of it. */
  readonly refused: (error: unknown) => void;
  /** `ketama` only: what a member is hashed by; see {@link Member.label}. */
  readonly labelOf?: (replica: Replica) => string | undefined;
}

export function createRoutingTable(parts: RoutingTableParts): RoutingTable {
  let current: RoutingSnapshot = { ring: parts.ring, bounded: null, upstreamsBySeat: [], replicas: [] };
  let last: LastChange | null = null;
  /** The ring before the last change. */
  let previous: Ring | null = null;
  let moved = 0;
  let changes = 0;
  let shares: { readonly of: Ring; readonly bySeat: ReadonlyMap<number, number> } | null = null;
  /** By replica name. An upstream is in exactly one of these, and in none once its replica is dead. */
  const live = new Map<string, Upstream>();
  const leaving = new Map<string, Set<Upstream>>();
  /** To be called once the new snapshot is in place, so that nothing is sent to them any more. */
  let farewells: (() => void)[] = [];

  function follow(replica: Replica): void {
    if (replica.state === "healthy") welcome(replica);
    else takeOut(replica.name);
    if (replica.state === "dead") forget(replica.name);
  }

  function welcome(replica: Replica): void {
    if (live.has(replica.name) || replica.address === null) return;
    const upstream = parts.createUpstream(replica.name, replica.address);
    live.set(replica.name, upstream);
    parts.joined(upstream);
  }

  function takeOut(name: string): void {
    const upstream = live.get(name);
    if (upstream === undefined) return;
    live.delete(name);
    const others = [...(leaving.get(name) ?? [])].filter(({ inFlight }) => inFlight > 0);
    leaving.set(name, new Set([...others, upstream]));
    farewells.push(() => upstream.retire());
    parts.left(upstream);
  }

  function forget(name: string): void {
    for (const upstream of leaving.get(name) ?? []) farewells.push(() => upstream.destroy());
    leaving.delete(name);
  }

  function swap(): void {
    const replicas = parts.serving().filter(({ name }) => live.has(name));
    const ring = changedRing(replicas);
    const upstreamsBySeat: (Upstream | undefined)[] = [];
    for (const { name, seat } of replicas) upstreamsBySeat[seat] = live.get(name);
    current = { ring, bounded: boundedOver(ring), upstreamsBySeat, replicas };
    const calls = farewells;
    farewells = [];
    for (const call of calls) call();
  }

  function boundedOver(ring: Ring): BoundedLoad | null {
    if (parts.loadFactor === undefined || ring.members.length === 0) return null;
    return ring === current.ring ? current.bounded : boundedLoad(ring, { c: parts.loadFactor });
  }

  function changedRing(replicas: readonly Replica[]): Ring {
    const before = current.ring;
    const change = ringChange(before, replicas, parts.labelOf);
    if (change === null) return before;
    try {
      // A replacement on the dead one's seat brings back the very ring from before: nothing to compute or to store.
      const back = previous !== null && ringChange(previous, replicas, parts.labelOf) === null;
      const ring = (back ? previous : null) ?? before.with(change);
      previous = before;
      last = { before, change };
      changes += 1;
      return ring;
    } catch (error) {
      parts.refused(error);
      return before;
    }
  }

  return {
    get current() {
      return current;
    },
    get changes() {
      return changes;
    },
    apply: (change) => {
      follow(change.replica);
      if (!change.more) swap();
    },
    inFlightOf: (name) => {
      let inFlight = live.get(name)?.inFlight ?? 0;
      for (const upstream of leaving.get(name) ?? []) inFlight += upstream.inFlight;
      return inFlight;
    },
    shares: () => {
      if (shares?.of !== current.ring) shares = { of: current.ring, bySeat: current.ring.shares() };
      return shares.bySeat;
    },
    slotsMoved: () => {
      if (last !== null) moved = Math.round(movedFraction(last, current.ring) * current.ring.slots);
      last = null;
      return moved;
    },
  };
}
