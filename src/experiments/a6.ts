// uneven servers. One of four replicas is four times slower than the others; what do policies and weights make of
// it?
import { barChart } from "../charts/bar-chart.ts";
import { runLoad } from "../load/load.ts";
import { settleLoad } from "../load/load-settings.ts";
import { failedCount } from "../load/recorder.ts";
import { type Experiment, type Findings, type Progress, percent, type Settings } from "./experiment.ts";
import { setMood } from "./lab-fleet.ts";
import type { ReplicaState, RunningFleet } from "./running-fleet.ts";

const replicaCount = 4;
const users = 32;
/** Requests that one replica works on at a time; the others wait in it. */
const workers = 4;
const fastMs = 8;
const slowMs = 4 * fastMs;

interface Way {
  readonly name: string;
  readonly args: readonly string[];
  /** The slow replica's weight; the others have 4. */
  readonly weights?: true;
}

const ways: readonly Way[] = [
  { name: "hash", args: [] },
  { name: "hash, weights", args: [], weights: true },
  { name: "hash, bounded 1.25", args: ["--bounded-load", "1.25"] },
  { name: "round-robin", args: ["--policy", "round-robin"] },
  { name: "least-request", args: ["--policy", "least-request"] },
  { name: "p2c", args: ["--policy", "p2c"] },
];

interface Run {
  readonly way: string;
  readonly answersPerS: number;
  readonly slowShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export const a6: Experiment = {
  id: "a6",
  title: "A-6: uneven servers",
  question: "One of four replicas is four times slower: which policy gets the most out of the fleet?",
  withoutContainers: "its replicas are the lab's own program",
  run,
};

/** What the fleet could do at best: three replicas of full speed and one of a quarter. */
const capacityPerS = (replicaCount - 1) * ((workers * 1000) / fastMs) + (workers * 1000) / slowMs;
const fairShare = 1 / (4 * (replicaCount - 1) + 1);

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const runs: Run[] = [];
  for (const way of ways) {
    progress(runs.length, ways.length, way.name);
    runs.push(await measure(way, settings));
  }
  return {
    method:
      `${replicaCount} replicas that work on ${workers} requests at a time, ${fastMs} ms each, one of them ${slowMs} ms: together at most ` +
      `${Math.round(capacityPerS).toLocaleString("en")} answers/s, of which the slow one can give ${percent(fairShare)}. ${users} users, ` +
      `${settings.requestCount.toLocaleString("en")} requests, key \`random\`. “Weights”: the fast ones 4, the slow one 1, set while the fleet runs.`,
    data: runs,
    tables: [tableOf(runs)],
    charts: [
      chart(
        "throughput",
        "A-6: answers per second",
        "answers/s",
        runs,
        ({ answersPerS }) => answersPerS,
        capacityPerS,
        "at best",
      ),
      chart("latency", "A-6: p99 latency", "ms", runs, ({ p99Ms }) => p99Ms),
      chart(
        "share",
        "A-6: requests that the slow replica gets",
        "%",
        runs,
        ({ slowShare }) => slowShare * 100,
        fairShare * 100,
        "what it can do",
      ),
    ],
    observations: observed(runs),
  };
}

async function measure(way: Way, settings: Settings): Promise<Run> {
  const fleet = await settings.startFleet(["-n", String(replicaCount), ...way.args], {});
  try {
    const { replicas } = await fleet.status();
    const slow = replicas[0] as ReplicaState;
    for (const replica of replicas)
      await setMood(replica, { workers, delayMs: replica === slow ? slowMs : fastMs });
    if (way.weights) await weigh(fleet, replicas, slow);
    const { options } = settleLoad({
      url: `${fleet.url}/home`,
      users: String(users),
      requests: String(settings.requestCount),
      seed: String(settings.seed),
    });
    const result = await runLoad({ ...options, signal: settings.signal });
    return {
      way: way.name,
      answersPerS: result.answersPerS,
      slowShare: (result.byReplica[slow.name] ?? 0) / Math.max(1, result.counts.answered),
      p50Ms: result.latencyMs?.p50 ?? Number.NaN,
      p99Ms: result.latencyMs?.p99 ?? Number.NaN,
      failed: failedCount(result.counts),
    };
  } finally {
    await fleet.stop();
  }
}

async function weigh(
  fleet: RunningFleet,
  replicas: readonly ReplicaState[],
  slow: ReplicaState,
): Promise<void> {
  for (const replica of replicas) {
    const body = JSON.stringify({ weight: replica === slow ? 1 : 4 });
    const headers = { "content-type": "application/json" };
    await fetch(`${fleet.adminUrl}/api/v1/replicas/${replica.name}`, { method: "PUT", headers, body });
  }
}

function tableOf(runs: readonly Run[]) {
  return {
    name: "uneven",
    title: "Policies with one slow replica",
    columns: [
      "policy",
      "answers/s",
      "of what is possible",
      "the slow one's share",
      "p50 (ms)",
      "p99 (ms)",
      "failed",
    ],
    rows: runs.map((one) => [
      one.way,
      Math.round(one.answersPerS),
      percent(one.answersPerS / capacityPerS),
      percent(one.slowShare),
      one.p50Ms.toFixed(1),
      one.p99Ms.toFixed(1),
      one.failed,
    ]),
  };
}

function chart(
  name: string,
  title: string,
  unit: string,
  runs: readonly Run[],
  value: (run: Run) => number,
  reference?: number,
  label = "",
) {
  const svg = barChart({
    title,
    subtitle: `${replicaCount} replicas, one of them four times slower; ${users} users`,
    x: { label: "policy", names: runs.map(({ way }) => way) },
    y: { label: unit },
    series: [{ name: unit, values: runs.map((one) => Number(value(one).toPrecision(3))) }],
    ...(reference === undefined ? {} : { reference: { value: reference, label } }),
  });
  return { name, svg };
}

function observed(runs: readonly Run[]): string[] {
  const best = runs.reduce((a, b) => (b.answersPerS > a.answersPerS ? b : a));
  const hash = runs.find(({ way }) => way === "hash") as Run;
  return [
    `Hashing knows nothing of speed: the slow replica gets ${percent(hash.slowShare)} of the requests, and the fleet ` +
      `${percent(hash.answersPerS / capacityPerS)} of what it could do.`,
    `**${best.way}** gets most out of the fleet: ${Math.round(best.answersPerS).toLocaleString("en")} answers/s, ` +
      `${(best.answersPerS / hash.answersPerS).toFixed(2)} times as many as plain hashing; p99 ${best.p99Ms.toFixed(0)} ms against ${hash.p99Ms.toFixed(0)} ms.`,
    ...runs.map(
      (one) =>
        `${one.way}: ${Math.round(one.answersPerS).toLocaleString("en")} answers/s, the slow one gets ${percent(one.slowShare)}, p99 ${one.p99Ms.toFixed(0)} ms.`,
    ),
  ];
}
