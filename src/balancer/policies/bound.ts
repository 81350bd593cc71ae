// The bound on loads at the moment of one request: who is full, and who takes what overflows. How a full replica's keys
// jump over the ring is ring/bounded-load.ts; what counts as load is here: exchanges under way, of those that can take
// this request and no others, so that a replica which takes nothing lends its part to the rest.
import type { Upstream } from "../../proxy/upstream.ts";
import { boundedLoad, type Key } from "../../ring/ring.ts";
import { canTake, type Roster } from "./roster.ts";

/** One for a roster; to be asked anew for each request: first look, then the rest. */
export interface Bound {
  /** Takes the loads in as they are now. */
  look(tried: readonly Upstream[]): void;
  hasRoom(upstream: Upstream): boolean;
  /** Somebody with room, the same for the same key and loads; null: nobody can take it at all. */
  another(key: Key): Upstream | null;
}

export function boundOver({ ring, contenders, upstreamsBySeat }: Roster, factor: number): Bound {
  const bounded = boundedLoad(ring, { c: factor });
  const seats = new Map(contenders.map(({ upstream, seat }) => [upstream, seat]));
  let now: readonly Upstream[] = [];
  let load = 0;
  let weight = 0;
  const loadOf = (seat: number) => {
    const upstream = upstreamsBySeat[seat];
    return upstream !== undefined && canTake(upstream, now) ? upstream.inFlight : Number.POSITIVE_INFINITY;
  };
  return {
    look: (tried) => {
      now = tried;
      load = 0;
      weight = 0;
      for (const contender of contenders) {
        if (!canTake(contender.upstream, tried)) continue;
        load += contender.upstream.inFlight;
        weight += contender.weight;
      }
    },
    hasRoom: (upstream) => upstream.inFlight < bounded.boundOf(seats.get(upstream) ?? 0, load, weight),
    another: (key) => upstreamsBySeat[bounded.choose(key, loadOf, load, weight)] ?? null,
  };
}
