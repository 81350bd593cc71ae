// Contenders on seats 1, 2, 3 … without sockets, and a closed loop of requests over a policy; for tests.
import type { Contender, Picker, Roster } from "../../src/balancer/policies/roster.ts";
import type { Steering } from "../../src/balancer/policies/steering.ts";
import { seededRandom } from "../../src/load/random.ts";
import type { Upstream } from "../../src/proxy/upstream.ts";
import { createRing, type Ring } from "../../src/ring/ring.ts";
import { fakeUpstream } from "./fake-upstream.ts";
import { routedRequest } from "./routed-request.ts";

export const unsteered: Steering = { loadFactor: null, spreads: [] };

export function contendersOf(weights: readonly number[]): Contender[] {
  return weights.map((weight, index) => ({
    upstream: fakeUpstream(`S${index + 1}`),
    seat: index + 1,
    weight,
  }));
}

/** @param ring default: none, for policies that do not hash */
export function rosterOf(contenders: readonly Contender[], ring: Ring = createRing({ slots: 1 })): Roster {
  const upstreamsBySeat: (Upstream | undefined)[] = [];
  for (const { upstream, seat } of contenders) upstreamsBySeat[seat] = upstream;
  return { ring, contenders, upstreamsBySeat };
}

/** Key of rank r as often as r^−s says. */
export function zipfKeys(count: number, s: number): () => string {
  const ends: number[] = [];
  for (let rank = 1; rank <= count; rank++) ends.push((ends.at(-1) ?? 0) + rank ** -s);
  const random = seededRandom(11);
  return () => {
    const point = random() * (ends.at(-1) ?? 0);
    return `key-${ends.findIndex((end) => end > point)}`;
  };
}

export interface LoopOptions {
  readonly requests: number;
  /** Under way at the same time; one that ends, at random, makes room for the next. */
  readonly concurrency: number;
  readonly keyOf?: (request: number) => string;
  /** After each request was given to somebody. */
  readonly after?: (chosen: Upstream) => void;
}

/** How many requests each contender got. */
export function closedLoop(roster: Roster, pick: Picker, options: LoopOptions): number[] {
  const { requests, concurrency, keyOf = (request) => `/${request}`, after } = options;
  const random = seededRandom(7);
  const underWay: Upstream[] = [];
  const got = new Map<Upstream, number>();
  for (let request = 0; request < requests; request++) {
    if (underWay.length === concurrency) {
      const [ended] = underWay.splice(Math.floor(random() * underWay.length), 1);
      if (ended !== undefined) ended.inFlight--;
    }
    const chosen = pick(routedRequest({ target: keyOf(request) }), []);
    if (chosen === null) throw new Error(`Nobody was chosen for request ${request}`);
    chosen.inFlight++;
    underWay.push(chosen);
    got.set(chosen, (got.get(chosen) ?? 0) + 1);
    after?.(chosen);
  }
  for (const upstream of underWay) upstream.inFlight--;
  return roster.contenders.map(({ upstream }) => got.get(upstream) ?? 0);
}
