// Measures one placement and prints the figures as one line of JSON. Run by ring.ts in a process of its own, so that
// no placement's compiled code is shaped by another's:  node --import tsx bench/ring/measure.ts rendezvous
//
// Everything is timed by the CPU time of this process, since the machine may be busy with other things; lookups in
// rounds of some milliseconds, of which the best and the median are kept.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  createRing,
  createRingInSteps,
  type Key,
  type Member,
  type PlacementName,
  type Ring,
} from "../../src/ring/ring.ts";

export interface LookupRate {
  /** Million lookups per second in the best and the median round. */
  readonly best: number;
  readonly median: number;
}

export interface Spread {
  readonly median: number;
  readonly p99: number;
}

export interface Figures {
  readonly placement: PlacementName;
  readonly slots: number;
  /** Servers in the figures for "N = 100": fewer where the placement holds fewer. */
  readonly serversMany: number;
  readonly numericKey: LookupRate;
  readonly stringKey: LookupRate;
  /** As numericKey, on the last of 100 rings made one from another, each looked up in turn. */
  readonly numericKeyAfterChanges: LookupRate;
  /** CPU milliseconds; median of 21 runs, and the first run, before the code is compiled. */
  readonly joinMs: number;
  readonly leaveMs: number;
  readonly weightedJoinMs: number | null;
  readonly weightedLeaveMs: number | null;
  readonly firstJoinMs: number;
  readonly buildMs: number;
  /** CPU milliseconds: the longest single step of a build of serversMany in steps, first in the process. */
  readonly longestStepMs: number;
  /** Largest share over the average share, over the seeds. */
  readonly balanceFew: Spread;
  readonly balanceMany: Spread;
  /** Moved part over the ideal 1/(N + 1) when an eleventh server joins ten: mean over the seeds. */
  readonly movedOverIdeal: number;
  /** The greatest deviation of the moved part from the ideal, in units of √((1 − 1/N)/(N·M)). */
  readonly movedSigmasMax: number;
  /** Part of the key space that moved between servers that were there before, the most over the seeds. */
  readonly strayMax: number;
  readonly ringKiB: number;
}

const seeds = 200;

/** A seeded generator of numbers in [0, 1): mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A seed's members: other seats (1…65,535) and other addresses for each seed; the hash functions stay. */
function seededMembers(count: number, seed: number): Member[] {
  const next = random(seed + 1);
  const seats = new Set<number>();
  while (seats.size < count) seats.add(1 + Math.floor(next() * 65_535));
  return [...seats].map((seat) => ({
    seat,
    label: `10.${seat >> 8}.${seat & 255}.${1 + Math.floor(next() * 250)}:8080`,
  }));
}

function numbered(count: number, weightOf: (i: number) => number = () => 1): Member[] {
  return Array.from({ length: count }, (_, i) => ({
    seat: i + 1,
    weight: weightOf(i),
    label: `10.0.0.${i}:8080`,
  }));
}

let sink = 0;

function lookupRate(ring: Ring, keys: readonly Key[]): LookupRate {
  return rate(40 * keys.length, () => {
    for (let round = 0; round < 40; round++) for (const key of keys) sink += ring.lookup(key);
  });
}

function numericRate(ring: Ring): LookupRate {
  const lookups = 1_000_000;
  let from = 0;
  return rate(lookups, () => {
    for (let id = from; id < from + lookups; id++) sink += ring.lookup(id);
    from += lookups;
  });
}

function rate(lookups: number, round: () => void): LookupRate {
  const rounds = Array.from({ length: 100 }, () => lookups / cpuMs(round) / 1000);
  return { best: Math.max(...rounds), median: quantile(rounds, 0.5) };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] as number;
}

function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function medianMs(work: () => unknown, runs = 21): number {
  return quantile(
    Array.from({ length: runs }, () => cpuMs(work)),
    0.5,
  );
}

function longestStepMs(steps: Generator<undefined, Ring>): number {
  let longest = 0;
  for (let done: boolean | undefined = false; !done; ) {
    const step = cpuMs(() => {
      done = steps.next().done;
    });
    longest = Math.max(longest, step);
  }
  return longest;
}

function balance(placement: PlacementName, count: number): Spread {
  const ratios = Array.from({ length: seeds }, (_, seed) => {
    const shares = createRing({ placement, members: seededMembers(count, seed) }).shares();
    return Math.max(...shares.values()) * count;
  });
  return { median: quantile(ratios, 0.5), p99: quantile(ratios, 0.99) };
}

// With ten servers and an eleventh, over the seeds.
function moves(placement: PlacementName) {
  const runs = Array.from({ length: seeds }, (_, seed) => {
    const [joiner, ...others] = seededMembers(11, seed);
    const ring = createRing({ placement, members: others });
    const preview = ring.preview({ add: [joiner as Member] });
    const stray = preview.moves
      .filter(({ to }) => to !== joiner?.seat)
      .reduce((sum, move) => sum + move.fraction, 0);
    return { moved: preview.moved, stray, slots: ring.slots };
  });
  const sigma = ({ slots }: { slots: number }) => Math.sqrt((1 - 1 / 11) / (11 * slots));
  return {
    movedOverIdeal: (runs.reduce((sum, { moved }) => sum + moved, 0) / seeds) * 11,
    movedSigmasMax: Math.max(...runs.map((run) => Math.abs(run.moved - 1 / 11) / sigma(run))),
    strayMax: Math.max(...runs.map(({ stray }) => stray)),
  };
}

function ringKiB(placement: PlacementName, members: Member[]): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = () => {
    for (let i = 0; i < 4; i++) collect(); // buffers go a collection later than what held them
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  // Enough of them to stand out from everything else on the heap.
  const count = createRing({ placement, members }).slots > 100_000 ? 8 : 500;
  const before = used();
  const kept = Array.from({ length: count }, () => createRing({ placement, members }));
  const after = used();
  return (after - before) / kept.length / 1024;
}

function changed(ring: Ring, times: number): Ring {
  let next = ring;
  for (let i = 0; i < times; i++) {
    next =
      i % 2 === 0
        ? next.with({ remove: [ring.members.at(-1)?.seat ?? 0] })
        : next.with({ add: ring.members.slice(-1) });
    for (let id = 0; id < 20_000; id++) sink += next.lookup(id);
  }
  return next;
}

function measure(placement: PlacementName): Figures {
  // 55 of the 56 that the course's table holds, so that one more can join.
  const serversMany = placement === "assignment" ? 55 : 100;
  const members = numbered(serversMany);
  const newcomer: Member = { seat: serversMany + 1, label: "10.0.1.1:8080" };
  const longest = longestStepMs(createRingInSteps({ placement, members }));
  const ring = createRing({ placement, members });
  const firstJoinMs = cpuMs(() => ring.with({ add: [newcomer] }));
  const strings = Array.from({ length: 4096 }, (_, i) =>
    Buffer.from(`/item/${String(1e13 + i * 7919)}`.slice(0, 20)).toString("latin1"),
  );
  const numericKey = numericRate(ring);
  const stringKey = lookupRate(ring, strings);
  // Weights of 0.25…1, so that assignment's table has room for them too.
  const weighted =
    placement === "jump"
      ? null
      : createRing({ placement, members: numbered(serversMany, (i) => (1 + (i % 4)) / 4) });
  const heavy = { add: [{ ...newcomer, weight: 0.75 }] };
  return {
    placement,
    slots: ring.slots,
    serversMany,
    numericKey,
    stringKey,
    numericKeyAfterChanges: numericRate(changed(ring, 100)),
    joinMs: medianMs(() => ring.with({ add: [newcomer] })),
    leaveMs: medianMs(() => ring.with({ remove: [serversMany >> 1] })),
    weightedJoinMs: weighted && medianMs(() => weighted.with(heavy)),
    weightedLeaveMs: weighted && medianMs(() => weighted.with({ remove: [serversMany >> 1] })),
    firstJoinMs,
    buildMs: medianMs(() => createRing({ placement, members }), 7),
    longestStepMs: longest,
    balanceFew: balance(placement, 10),
    balanceMany: balance(placement, serversMany),
    ...moves(placement),
    ringKiB: ringKiB(placement, members),
  };
}

const placement = process.argv[2] as PlacementName;
console.log(JSON.stringify(measure(placement)));
if (sink < 0) console.log("lookups were optimised away");
