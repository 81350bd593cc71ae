// 3 to 1,000 servers (10,000 where the placement can), ten million keys, churn: by simulation with the product's
// own rings, no server is started.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { lineChart } from "../charts/line-chart.ts";
import { seededRandom } from "../load/random.ts";
import { createRing, type PlacementName, type Ring } from "../ring/ring.ts";
import { type Experiment, type Findings, type Progress, percent, type Settings } from "./experiment.ts";
import { spreadOf } from "./spread.ts";

const keyCount = 10_000_000;
/** Keys that are followed through the churn; a tenth of a per cent of them moves by chance alone ±0.01 %. */
const followedCount = 1_000_000;
const churns = 5;
const sizes = [3, 10, 30, 100, 300, 1_000, 10_000] as const;
/** `assignment` holds 56 servers; Maglev's table has 6.5 slots for each of 10,000; a rendezvous table of that many is slow to make. */
const serversMax: Readonly<Record<PlacementName, number>> = {
  assignment: 30,
  rendezvous: 1_000,
  ketama: 10_000,
  maglev: 1_000,
  jump: 10_000,
};

interface Run {
  readonly placement: PlacementName;
  readonly servers: number;
  readonly maxToAverage: number;
  readonly minToAverage: number;
  readonly buildMs: number;
  readonly lookupNs: number;
  readonly memoryBytes: number;
  /** Means over the changes, as a multiple of the ideal 1/N. */
  readonly leaveToIdeal: number;
  readonly joinToIdeal: number;
  /** Largest fraction of keys that moved between servers that stayed. */
  readonly astray: number;
  readonly changeMs: number;
}

export const a7: Experiment = {
  id: "a7",
  title: "A-7: scale",
  question: "How do the placements do with many servers: balance, movement, lookup cost, memory?",
  withoutContainers: "it is a simulation",
  run,
};

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const plan = (Object.keys(serversMax) as PlacementName[]).flatMap((placement) =>
    sizes.filter((servers) => servers <= serversMax[placement]).map((servers) => ({ placement, servers })),
  );
  const runs: Run[] = [];
  for (const [done, { placement, servers }] of plan.entries()) {
    settings.signal.throwIfAborted();
    progress(done, plan.length, `${placement}, ${servers.toLocaleString("en")} servers`);
    runs.push(await simulate(placement, servers, settings.seed));
  }
  return {
    method:
      `For each placement and size: a ring of N servers on seats 1…N, ${keyCount.toLocaleString("en")} lookups of random 32-bit ` +
      `keys (counted by owner), then ${churns} times a random server leaves and another joins on its seat's place; ` +
      `${followedCount.toLocaleString("en")} keys are followed. Time is that of one core, in this process, with everything ` +
      "compiled. Memory is what the process holds more with the ring than without, after a full collection.",
    data: runs,
    tables: [tableOf(runs)],
    charts: [
      chart(
        "balance",
        "A-7: the fullest server's load over the average",
        "max/avg",
        runs,
        ({ maxToAverage }) => maxToAverage,
      ),
      chart("lookup", "A-7: cost of a lookup", "ns", runs, ({ lookupNs }) => lookupNs),
      chart(
        "movement",
        "A-7: keys moved by a leave, over the ideal 1/N",
        "times the ideal",
        runs,
        ({ leaveToIdeal }) => leaveToIdeal,
      ),
      chart("memory", "A-7: memory of a ring", "KB", runs, ({ memoryBytes }) =>
        Math.max(0.1, memoryBytes / 1000),
      ),
      chart("build", "A-7: time to make a ring", "ms", runs, ({ buildMs }) => buildMs),
    ],
    observations: (Object.keys(serversMax) as PlacementName[]).map((placement) =>
      observation(runs, placement),
    ),
  };
}

async function simulate(placement: PlacementName, servers: number, seed: number): Promise<Run> {
  const members = Array.from({ length: servers }, (_, index) => ({ seat: index + 1 }));
  const before = await memory();
  const began = performance.now();
  const ring = createRing({ placement, members });
  const buildMs = performance.now() - began;
  const memoryBytes = Math.max(0, (await memory()) - before);
  const random = seededRandom(seed);
  const counts = new Float64Array(servers + 1);
  const lookupNs = lookUp(ring, keyCount, seed, counts);
  const spread = spreadOf(Array.from(counts.subarray(1)));
  return {
    placement,
    servers,
    maxToAverage: spread.maxToAverage,
    minToAverage: spread.min / spread.average,
    buildMs,
    lookupNs,
    memoryBytes,
    ...churn(ring, servers, random, seed),
  };
}

/** Counts owners and tells the mean cost of a lookup, making the key included (a few ns). */
function lookUp(ring: Ring, count: number, seed: number, counts: Float64Array): number {
  const began = performance.now();
  let key = seed >>> 0;
  for (let i = 0; i < count; i++) {
    key = (Math.imul(key, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator: cheap, and the rings mix it
    const seat = ring.lookup(key);
    counts[seat] = (counts[seat] as number) + 1;
  }
  return ((performance.now() - began) * 1e6) / count;
}

function churn(ring: Ring, servers: number, random: () => number, seed: number) {
  let left = 0;
  let joined = 0;
  let astray = 0;
  let changeMs = 0;
  const owners = ownersOf(ring, seed);
  for (let change = 0; change < churns; change++) {
    // Jump can only lose its last bucket cheaply; any other is what it does worst, and the fleet cannot choose who dies.
    const victim = 1 + Math.floor(random() * servers);
    const began = performance.now();
    const without = ring.with({ remove: [victim] });
    const again = without.with({ add: [{ seat: victim }] });
    changeMs += (performance.now() - began) / 2;
    const after = ownersOf(without, seed);
    const back = ownersOf(again, seed);
    let moved = 0;
    let strayed = 0;
    let returned = 0;
    for (let i = 0; i < followedCount; i++) {
      if (after[i] !== owners[i]) moved++;
      if (after[i] !== owners[i] && owners[i] !== victim) strayed++;
      if (back[i] !== after[i]) returned++;
    }
    left += moved / followedCount;
    joined += returned / followedCount;
    astray = Math.max(astray, strayed / followedCount);
  }
  return {
    leaveToIdeal: (left / churns) * servers,
    joinToIdeal: (joined / churns) * servers,
    astray,
    changeMs: changeMs / churns,
  };
}

function ownersOf(ring: Ring, seed: number): Int32Array {
  const owners = new Int32Array(followedCount);
  let key = (seed + 1) >>> 0;
  for (let i = 0; i < followedCount; i++) {
    key = (Math.imul(key, 1664525) + 1013904223) >>> 0;
    owners[i] = ring.lookup(key);
  }
  return owners;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Array buffers are freed behind the scenes, and counted when a second collection has seen them gone. */
async function memory(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { heapUsed, external } = process.memoryUsage(); // external includes array buffers
  return heapUsed + external;
}

function tableOf(runs: readonly Run[]) {
  return {
    name: "scale",
    title: "Placements by size",
    columns: [
      "placement",
      "N",
      "max/avg",
      "min/avg",
      "leave moves, × ideal",
      "join moves, × ideal",
      "astray",
      "lookup (ns)",
      "memory (KB)",
      "build (ms)",
      "change (ms)",
    ],
    rows: runs.map((one) => [
      one.placement,
      one.servers,
      one.maxToAverage.toFixed(3),
      one.minToAverage.toFixed(3),
      one.leaveToIdeal.toFixed(2),
      one.joinToIdeal.toFixed(2),
      percent(one.astray, 2),
      one.lookupNs.toFixed(1),
      (one.memoryBytes / 1000).toFixed(0),
      one.buildMs.toFixed(1),
      one.changeMs.toFixed(2),
    ]),
  };
}

function chart(name: string, title: string, unit: string, runs: readonly Run[], value: (run: Run) => number) {
  const svg = lineChart({
    title,
    subtitle: `${keyCount.toLocaleString("en")} keys, by simulation`,
    x: { label: "servers (N)", scale: "log" },
    y: { label: unit, scale: "log" },
    series: (Object.keys(serversMax) as PlacementName[]).map((placement) => ({
      name: placement,
      points: runs
        .filter((one) => one.placement === placement)
        .map((one) => [one.servers, value(one)] as const),
    })),
  });
  return { name, svg };
}

function observation(runs: readonly Run[], placement: PlacementName): string {
  const own = runs.filter((one) => one.placement === placement);
  const largest = own.at(-1) as Run;
  const astray = Math.max(...own.map((one) => one.astray));
  const worst = Math.max(...own.map((one) => one.leaveToIdeal));
  return (
    `**${placement}**, with ${largest.servers.toLocaleString("en")} servers: max/avg ${largest.maxToAverage.toFixed(3)}, ` +
    `${largest.lookupNs.toFixed(1)} ns per lookup, ${(largest.memoryBytes / 1000).toFixed(0)} KB, made in ${largest.buildMs.toFixed(0)} ms. ` +
    `Over all sizes a leave moves up to ${worst.toFixed(2)} times the ideal; ` +
    (astray === 0
      ? "no key moves between servers that stay."
      : `up to ${percent(astray, 2)} of the keys move between servers that stay.`)
  );
}
