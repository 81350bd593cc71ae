// Who serves which key, now: joins the fleet's replicas, the ring and the data plane's upstreams. The data plane reads
// one immutable snapshot; every change of the fleet makes a new one, swapped in by one assignment.
//
//   a replica becomes healthy → upstream made        → in the ring
//              stops answering → out of the ring, then its upstream retires (in-flight exchanges may still finish)
//              drains          → the same
//              dies            → out of the ring, then its upstream is destroyed (exchanges fail over at once)
import type { FleetChange, Replica } from "../fleet/fleet.ts";
import type { Upstream } from "../proxy/upstream.ts";
import type { Contender, Picker, Policy, Roster } from "./policies/roster.ts";
import type { Steering } from "./policies/steering.ts";
import type { RingKeeper } from "./ring-keeper.ts";

/** What one request sees. Never changed after it was made. */
export interface RoutingSnapshot extends Roster {
  /** The replicas that serve, in the order in which they joined. */
  readonly replicas: readonly Replica[];
  readonly steering: Steering;
  /** The policy's choice among them. May throw what the user's own functions throw. */
  readonly pick: Picker;
}

export interface RoutingTable {
  /** The one to use for the next request. */
  readonly current: RoutingSnapshot;
  /** Takes in a change of the fleet; see {@link FleetChange.more}. */
  apply(change: FleetChange): void;
  /** From the next request on it is routed by these. */
  steer(steering: Steering): void;
  /** Until then changes are only noted, so that the first replicas make one ring and not one each. */
  begin(): void;
  /** Exchanges that a replica still has, of all its upstreams. */
  inFlightOf(name: string): number;
  /** From the next request on another policy chooses, or the same one with another key. */
  chooseBy(policy: Policy): void;
  /** The ring's figures; see there. */
  readonly ring: Pick<RingKeeper, "changes" | "shares" | "slotsMoved">;
}

export interface RoutingTableParts {
  readonly ring: RingKeeper;
  /** At first; see {@link RoutingTable.chooseBy} and {@link RoutingTable.steer}. */
  readonly policy: Policy;
  readonly steering: Steering;
  /** What is in the ring; called when a change is complete. */
  readonly serving: () => readonly Replica[];
  readonly createUpstream: (name: string, address: NonNullable<Replica["address"]>) => Upstream;
  /** An upstream was made for a replica, or left it; for the counters. */
  readonly joined: (upstream: Upstream) => void;
  readonly left: (upstream: Upstream) => void;
}

export function createRoutingTable(parts: RoutingTableParts): RoutingTable {
  const { ring } = parts;
  let { policy } = parts;
  let begun = false;
  let stepping = false;
  /** By replica name. An upstream is in exactly one of these, and in none once its replica is dead. */
  const live = new Map<string, Upstream>();
  const leaving = new Map<string, Set<Upstream>>();
  /** To be called once the new snapshot is in place, so that nothing is sent to them any more. */
  let farewells: (() => void)[] = [];
  let current = snapshotOf([], parts.steering);

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

  /** Who can serve is right at once; the ring may take a few turns to follow, and seats without an upstream are passed over. */
  function swap(): void {
    const replicas = parts.serving().filter(({ name }) => live.has(name));
    const more = ring.approach(replicas);
    current = snapshotOf(replicas, current.steering);
    const calls = farewells;
    farewells = [];
    for (const call of calls) call();
    if (more && !stepping) setImmediate(nextStep);
    stepping ||= more;
  }

  function nextStep(): void {
    stepping = false;
    swap();
  }

  function snapshotOf(replicas: readonly Replica[], steering: Steering): RoutingSnapshot {
    const upstreamsBySeat: (Upstream | undefined)[] = [];
    const contenders: Contender[] = [];
    for (const { name, seat, weight } of replicas) {
      const upstream = live.get(name);
      if (upstream === undefined) continue;
      upstreamsBySeat[seat] = upstream;
      contenders.push({ upstream, seat, weight });
    }
    const roster: Roster = { ring: ring.current, contenders, upstreamsBySeat };
    return { ...roster, replicas, steering, pick: policy(roster, steering) };
  }

  return {
    get current() {
      return current;
    },
    ring,
    apply: (change) => {
      follow(change.replica);
      if (begun && !change.more) swap();
    },
    steer: (steering) => {
      current = snapshotOf(current.replicas, steering);
    },
    begin: () => {
      begun = true;
      swap();
    },
    chooseBy: (next) => {
      policy = next;
      current = snapshotOf(current.replicas, current.steering);
    },
    inFlightOf: (name) => {
      let inFlight = live.get(name)?.inFlight ?? 0;
      for (const upstream of leaving.get(name) ?? []) inFlight += upstream.inFlight;
      return inFlight;
    },
  };
}
