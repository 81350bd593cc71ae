// skewed keys. Few keys are asked for often (Zipf), each replica keeps the answers that it used last; what do
// hashing, hashing with bounded loads, and policies without keys make of it?
import { barChart } from "../charts/bar-chart.ts";
import { runLoad } from "../load/load.ts";
import { settleLoad } from "../load/load-settings.ts";
import { failedCount } from "../load/recorder.ts";
import { type Experiment, type Findings, type Progress, percent, type Settings } from "./experiment.ts";
import { spreadOf } from "./spread.ts";

const replicaCount = 6;
const users = 48;
const keyCount = 20_000;
const cacheKeys = 400;
const missMs = 4;
const exponents = [0.8, 1.1] as const;

const ways: readonly { readonly name: string; readonly args: readonly string[] }[] = [
  { name: "hash", args: ["--key", "path"] },
  { name: "hash, bounded 1.25", args: ["--key", "path", "--bounded-load", "1.25"] },
  { name: "least-request", args: ["--policy", "least-request"] },
  { name: "round-robin", args: ["--policy", "round-robin"] },
];

interface Run {
  readonly way: string;
  readonly exponent: number;
  readonly counts: readonly number[];
  readonly maxToAverage: number;
  readonly hitRatio: number;
  /** Of the requests routed under a bound, the part that another replica than the key's owner got; null: no bound. */
  readonly overflow: number | null;
  readonly answersPerS: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export const a5: Experiment = {
  id: "a5",
  title: "A-5: skewed keys",
  question:
    "How evenly are skewed keys spread, and how well do the replicas' caches serve, with and without bounded load?",
  withoutContainers: "its replicas are the lab's own program",
  run,
};

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const runs: Run[] = [];
  for (const exponent of exponents) {
    for (const way of ways) {
      progress(runs.length, exponents.length * ways.length, `${way.name}, Zipf ${exponent}`);
      runs.push(await measure(way, exponent, settings));
    }
  }
  return {
    method:
      `${replicaCount} replicas, each of which keeps the last ${cacheKeys} keys that it used; a key that it does not hold costs ` +
      `${missMs} ms. ${users} users ask for ${settings.requestCount.toLocaleString("en")} keys out of ${keyCount.toLocaleString("en")}, Zipf ` +
      `with exponents ${exponents.join(" and ")}; the same keys in the same order for every policy. Caches are empty at first.`,
    data: runs,
    tables: [tableOf(runs)],
    charts: [
      chart(
        "balance",
        "A-5: the busiest replica's requests over the average",
        "max/avg",
        runs,
        (one) => one.maxToAverage,
      ),
      chart("hits", "A-5: answers from the replicas' caches", "hits (%)", runs, (one) => one.hitRatio * 100),
      chart("throughput", "A-5: answers per second", "answers/s", runs, (one) => one.answersPerS),
    ],
    observations: exponents.flatMap((exponent) => compared(runs.filter((one) => one.exponent === exponent))),
  };
}

async function measure(way: (typeof ways)[number], exponent: number, settings: Settings): Promise<Run> {
  const lab = { CACHE_KEYS: String(cacheKeys), MISS_MS: String(missMs) };
  const fleet = await settings.startFleet(["-n", String(replicaCount), ...way.args], lab);
  try {
    const { options } = settleLoad({
      url: `${fleet.url}/item/{key}`,
      users: String(users),
      requests: String(settings.requestCount),
      keys: `zipf:${keyCount}:${exponent}`,
      seed: String(settings.seed),
    });
    const result = await runLoad({ ...options, replicaOf: serverAndCache, signal: settings.signal });
    const servers = (await fleet.status()).replicas.map(({ name }) => name);
    const counts = servers.map(
      (name) => of(result.byReplica, name, "hit") + of(result.byReplica, name, "miss"),
    );
    const hits = servers.reduce((sum, name) => sum + of(result.byReplica, name, "hit"), 0);
    const policy = (await (await fetch(`${fleet.adminUrl}/api/v1/policy`)).json()) as {
      bounded: number;
      overflowShare: number;
    };
    return {
      way: way.name,
      exponent,
      counts,
      maxToAverage: spreadOf(counts).maxToAverage,
      hitRatio: hits / Math.max(1, result.counts.answered),
      overflow: policy.bounded === 0 ? null : policy.overflowShare,
      answersPerS: result.answersPerS,
      p99Ms: result.latencyMs?.p99 ?? Number.NaN,
      failed: failedCount(result.counts),
    };
  } finally {
    await fleet.stop();
  }
}

/** `S1 hit`, from the two fields that the lab's replica adds. */
function serverAndCache(sample: string): string | null {
  const server = /\r\nx-server: ([^\r]+)/i.exec(sample)?.[1];
  const cache = /\r\nx-cache: (hit|miss)/i.exec(sample)?.[1];
  return server === undefined || cache === undefined ? null : `${server} ${cache}`;
}

const of = (counts: Readonly<Record<string, number>>, name: string, cache: string) =>
  counts[`${name} ${cache}`] ?? 0;

function tableOf(runs: readonly Run[]) {
  return {
    name: "skew",
    title: "Policies by skew",
    columns: [
      "Zipf",
      "policy",
      "max/avg",
      "cache hits",
      "to another than the owner",
      "answers/s",
      "p99 (ms)",
      "failed",
      "requests by replica",
    ],
    rows: runs.map((one) => [
      one.exponent,
      one.way,
      one.maxToAverage.toFixed(3),
      percent(one.hitRatio),
      one.overflow === null ? null : percent(one.overflow),
      Math.round(one.answersPerS),
      one.p99Ms.toFixed(1),
      one.failed,
      one.counts.join(" "),
    ]),
  };
}

function chart(name: string, title: string, unit: string, runs: readonly Run[], value: (run: Run) => number) {
  const svg = barChart({
    title,
    subtitle: `${replicaCount} replicas, ${keyCount.toLocaleString("en")} keys, caches of ${cacheKeys}`,
    x: { label: "policy", names: ways.map((way) => way.name) },
    y: { label: unit },
    series: exponents.map((exponent) => ({
      name: `Zipf ${exponent}`,
      values: ways.map((way) => {
        const found = runs.find((one) => one.way === way.name && one.exponent === exponent);
        return found === undefined ? null : Number(value(found).toPrecision(3));
      }),
    })),
  });
  return { name, svg };
}

function compared(runs: readonly Run[]): string[] {
  const named = (name: string) => runs.find(({ way }) => way === name) as Run;
  const [hash, bounded] = [named("hash"), named("hash, bounded 1.25")];
  const best = runs.reduce((a, b) => (b.answersPerS > a.answersPerS ? b : a));
  return [
    `**Zipf ${hash.exponent}**: hashing sends the busiest replica ${hash.maxToAverage.toFixed(2)} times the average; with the bound ` +
      `${bounded.maxToAverage.toFixed(2)}, for which ${percent(bounded.overflow ?? 0)} of the requests go to another than the owner.`,
    `Answers from caches: ${runs.map(({ way, hitRatio }) => `${way} ${percent(hitRatio)}`).join(", ")}. Most answers per second: ` +
      `${best.way}, ${Math.round(best.answersPerS).toLocaleString("en")} (hash ${Math.round(hash.answersPerS).toLocaleString("en")}).`,
  ];
}
