// Consistent hashing with bounded loads over any placement (Mirrokni, Thorup & Zadimoghaddam 2016): no server gets
// more than c times its fair part of what is in flight. A key whose server is full jumps to other points of the
// ring at random (Chen, Coleman & Shrivastava, arXiv 1908.08762), the same ones each time, so that a full server's
// overflow spreads over all others; a walk to the next server would fill that one, then the next.

import type { Key, Ring } from "./definitions.ts";
import { keyHash, mix32 } from "./hash.ts";

/** What {@link boundedLoad} keeps to. */
export interface BoundedLoadOptions {
  /** How many times its fair part of the load a server may have; > 1, default 1.25. */
  readonly c?: number;
  /** Load below which a server is never full, so that an idle fleet keeps its affinity; default 1, whole requests. */
  readonly floor?: number;
}

type LoadOf = (seat: number) => number;

/** Chooses servers so that none is loaded beyond its bound. */
export interface BoundedLoad {
  /**
   * The seat for one more request with this key, or 0 if nobody can take it. `loadOf` is a seat's load now (say,
   * requests in flight), Infinity for one that must not be chosen; `totalLoad` is the sum of the finite ones, and
   * `totalWeight` the weight of their seats: default all, as if those that must not be chosen held their part free.
   */
  choose(key: Key, loadOf: LoadOf, totalLoad: number, totalWeight?: number): number;
  /** The load at which a seat counts as full: ⌈c × (totalLoad + 1) × its weight / totalWeight⌉. */
  boundOf(seat: number, totalLoad: number, totalWeight?: number): number;
}

// With c = 1.25 a fifth of the capacity is free at least, so 64 jumps miss every free server about once in 10^6.
const jumpsMax = 64;

/** Bounded loads over `ring`; make a new one for a new ring. */
export function boundedLoad(ring: Ring, { c = 1.25, floor = 1 }: BoundedLoadOptions = {}): BoundedLoad {
  checkOptions(c, floor);
  const weightOfAll = ring.members.reduce((sum, { weight }) => sum + weight, 0);
  const weights = new Map(ring.members.map(({ seat, weight }) => [seat, weight]));

  const boundOf = (seat: number, totalLoad: number, totalWeight = weightOfAll) => {
    const part = (c * (totalLoad + 1) * (weights.get(seat) ?? 0)) / totalWeight;
    // 1.1 × 10 is 11.000000000000002 in doubles, and must not round up to 12.
    return Math.max(floor, Math.ceil(part * (1 - 1e-12)));
  };

  function choose(key: Key, loadOf: LoadOf, totalLoad: number, totalWeight = weightOfAll): number {
    const owner = ring.lookup(key);
    if (owner === 0 || loadOf(owner) < boundOf(owner, totalLoad, totalWeight)) return owner;
    return jump(key, loadOf, totalLoad, totalWeight) || leastLoaded(loadOf, totalLoad, totalWeight);
  }

  function jump(key: Key, loadOf: LoadOf, totalLoad: number, totalWeight: number): number {
    for (let jumps = 0, point = keyHash(key); jumps < jumpsMax; jumps++) {
      point = mix32(point + 0x9e3779b9);
      const seat = ring.ownerOf(point);
      if (loadOf(seat) < boundOf(seat, totalLoad, totalWeight)) return seat;
    }
    return 0;
  }

  // When jumps found nobody: the server furthest below its bound, or least above it (when loads and total disagree).
  function leastLoaded(loadOf: LoadOf, totalLoad: number, totalWeight: number): number {
    let best = 0;
    let lowest = Number.POSITIVE_INFINITY;
    for (const { seat } of ring.members) {
      const fullness = loadOf(seat) / boundOf(seat, totalLoad, totalWeight);
      if (fullness >= lowest) continue;
      lowest = fullness;
      best = seat;
    }
    return best;
  }
  return { choose, boundOf };
}

function checkOptions(c: number, floor: number): void {
  if (!(c > 1 && c <= 1000))
    throw new RangeError(`Cannot bound loads with c = ${c}: a number above 1, at most 1000, is needed`);
  if (!(floor >= 1 && floor < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`Cannot bound loads with floor = ${floor}: a number from 1 is needed`);
  }
}
