// the queue. Messages per second and latency against shards and brokers; then a broker is killed in the middle.
import { barChart } from "../charts/bar-chart.ts";
import { lineChart } from "../charts/line-chart.ts";
import { type LoadResult, runLoad } from "../load/load.ts";
import { settleLoad } from "../load/load-settings.ts";
import { failedCount, type LoadSample } from "../load/recorder.ts";
import type { Experiment, Findings, Progress, Settings } from "./experiment.ts";
import { until } from "./running-product.ts";
import type { RunningQueue } from "./running-queue.ts";

const users = 32;
const batches = [1, 100] as const;
const grid = [1, 2].flatMap((brokers) => [1, 4, 16].map((shards) => ({ brokers, shards })));
const seconds = 3;
const sampleMs = 100;
/** The load with the broker that dies: when, and how long after that the load goes on. */
const killAtMs = 2000;
const afterKillMs = 4000;
const valueBytes = 100;

interface Run {
  readonly brokers: number;
  readonly shards: number;
  /** Messages in one request. */
  readonly batch: number;
  readonly messagesPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Requests without an answer, or with another than 200. */
  readonly failed: number;
  /** Messages that were acknowledged, and that are there in the end. */
  readonly acknowledged: number;
  readonly kept: number;
}

interface Kill {
  readonly samples: readonly LoadSample[];
  readonly atS: number;
  /** From the kill until the broker's successor serves, by the control plane's log. */
  readonly servesAgainMs: number;
  /** The longest time without an answer after the kill. */
  readonly silentMs: number;
  readonly acknowledged: number;
  readonly kept: number;
  readonly byCode: Readonly<Record<string, number>>;
  readonly failed: number;
}

export const a8: Experiment = {
  id: "a8",
  title: "A-8: the queue",
  question:
    "How many synced messages per second, against shards and brokers; and what happens when a broker is killed?",
  withoutContainers: "its brokers are always processes",
  run,
};

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const runs: Run[] = [];
  const steps = grid.length * batches.length + 1;
  for (const { brokers, shards } of grid) {
    for (const batch of batches) {
      progress(runs.length, steps, `${brokers} brokers, ${shards} shards, batches of ${batch}`);
      runs.push(await measure(brokers, shards, batch, settings));
    }
  }
  progress(runs.length, steps, "a broker is killed");
  const kill = await killOne(settings);
  return {
    method:
      `\`roundhouse broker --brokers B\` on a new directory, a topic with S shards, ${users} users who each send a request as soon as ` +
      `the last one is answered: one message of ${valueBytes} bytes (JSON), or 100 in one request (a JSON array). An answer means synced to ` +
      `the disk. ${seconds} s for each. Brokers, the port before them and the load share the machine's cores. At the end the shards' ends are compared with what was acknowledged.`,
    data: { runs, kill },
    tables: [tableOf(runs)],
    charts: [
      ...batches.map((batch) => ({ name: `throughput-batch-${batch}`, svg: throughputChart(runs, batch) })),
      { name: "latency", svg: latencyChart(runs) },
      { name: "broker-killed", svg: timeline(kill) },
    ],
    observations: [...batches.map((batch) => theBest(runs, batch)), nothingLost(runs), theKill(kill)],
  };
}

function body(batch: number): string {
  const message = `{"key":"{key}","value":"${"x".repeat(valueBytes)}"}`;
  return batch === 1 ? message : `[${Array.from({ length: batch }, () => message).join(",")}]`;
}

function load(
  queue: RunningQueue,
  batch: number,
  lastsS: number,
  settings: Settings,
  stop: AbortSignal,
): Promise<LoadResult> {
  const { options } = settleLoad({
    url: `${queue.url}/v1/topics/lab/records`,
    method: "POST",
    header: ["Content-Type: application/json"],
    body: body(batch),
    users: String(users),
    duration: `${lastsS}s`,
    keys: "uniform:10000",
    seed: String(settings.seed),
    countBy: "off",
  });
  return runLoad({ ...options, sampleMs, signal: AbortSignal.any([settings.signal, stop]) });
}

const never = new AbortController().signal;
const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0);

async function measure(brokers: number, shards: number, batch: number, settings: Settings): Promise<Run> {
  const queue = await settings.startQueue(brokers);
  try {
    await queue.createTopic("lab", shards);
    const result = await load(queue, batch, seconds, settings, never);
    const good = result.byCode["200"] ?? 0;
    return {
      brokers,
      shards,
      batch,
      messagesPerS: (good * batch) / result.seconds,
      p50Ms: result.latencyMs?.p50 ?? Number.NaN,
      p99Ms: result.latencyMs?.p99 ?? Number.NaN,
      failed: failedIn(result),
      acknowledged: good * batch,
      kept: sum((await queue.sizes("lab")).values()),
    };
  } finally {
    await queue.stop();
  }
}

function failedIn({ counts, byCode }: LoadResult): number {
  return failedCount(counts) + counts.answered - (byCode["200"] ?? 0);
}

async function killOne(settings: Settings): Promise<Kill> {
  const queue = await settings.startQueue(2);
  try {
    await queue.createTopic("lab", 8);
    const beganMs = Date.now();
    const loaded = load(queue, 1, (killAtMs + afterKillMs) / 1000, settings, never);
    await new Promise((resolve) => setTimeout(resolve, killAtMs));
    const victim = queue.log.find(
      ({ event, broker, pid }) => event === "broker" && broker === "broker0" && pid !== undefined,
    );
    const logged = queue.log.length;
    const atMs = Date.now();
    process.kill(victim?.pid as number, "SIGKILL");
    const again = await until(
      "broker0 serves again",
      () =>
        queue.log
          .slice(logged)
          .find(({ broker, pid }) => broker === "broker0" && pid !== undefined && pid !== victim?.pid) ??
        null,
    );
    const result = await loaded;
    const atS = (atMs - beganMs) / 1000;
    return {
      samples: result.samples,
      atS,
      servesAgainMs: again.timeMs - atMs,
      silentMs: longestSilenceMs(result.samples, atS),
      acknowledged: result.byCode["200"] ?? 0,
      kept: sum((await queue.sizes("lab")).values()),
      byCode: result.byCode,
      failed: failedIn(result),
    };
  } finally {
    await queue.stop();
  }
}

/** By samples, so in steps of their length. */
function longestSilenceMs(samples: readonly LoadSample[], fromS: number): number {
  let longest = 0;
  let silent = 0;
  for (const { atS, answered } of samples) {
    silent = answered === 0 && atS > fromS ? silent + sampleMs : 0;
    longest = Math.max(longest, silent);
  }
  return longest;
}

function tableOf(runs: readonly Run[]) {
  return {
    name: "throughput",
    title: "Messages per second",
    columns: [
      "brokers",
      "shards",
      "messages in a request",
      "messages/s",
      "p50 (ms)",
      "p99 (ms)",
      "failed",
      "acknowledged",
      "kept",
    ],
    rows: runs.map((one) => [
      one.brokers,
      one.shards,
      one.batch,
      Math.round(one.messagesPerS),
      one.p50Ms.toFixed(2),
      one.p99Ms.toFixed(2),
      one.failed,
      one.acknowledged,
      one.kept,
    ]),
  };
}

const shardCounts = [...new Set(grid.map(({ shards }) => shards))];
const brokerCounts = [...new Set(grid.map(({ brokers }) => brokers))];
const found = (runs: readonly Run[], brokers: number, shards: number, batch: number) =>
  runs.find((one) => one.brokers === brokers && one.shards === shards && one.batch === batch) as Run;

function throughputChart(runs: readonly Run[], batch: number): string {
  return barChart({
    title: `A-8: synced messages per second, ${batch} in a request`,
    subtitle: `${valueBytes} bytes each, ${users} users`,
    x: { label: "shards", names: shardCounts.map(String) },
    y: { label: "messages/s" },
    series: brokerCounts.map((brokers) => ({
      name: `${brokers} broker${brokers === 1 ? "" : "s"}`,
      values: shardCounts.map((shards) => Math.round(found(runs, brokers, shards, batch).messagesPerS)),
    })),
  });
}

function latencyChart(runs: readonly Run[]): string {
  return barChart({
    title: "A-8: p99 of a produce, one message in a request",
    subtitle: `until it is synced and answered; ${users} users without a pause`,
    x: { label: "shards", names: shardCounts.map(String) },
    y: { label: "ms" },
    series: brokerCounts.map((brokers) => ({
      name: `${brokers} broker${brokers === 1 ? "" : "s"}`,
      values: shardCounts.map((shards) => Number(found(runs, brokers, shards, 1).p99Ms.toPrecision(3))),
    })),
  });
}

function timeline({ samples, atS, servesAgainMs }: Kill): string {
  const perS = (count: number) => (count * 1000) / sampleMs;
  return lineChart({
    title: "A-8: one of two brokers is killed",
    subtitle: `8 shards, ${users} users; each ${sampleMs} ms`,
    x: { label: "time (s)", from: 0 },
    y: { label: "answers/s" },
    series: [
      { name: "answers/s", points: samples.map(({ atS: at, answered }) => [at, perS(answered)] as const) },
    ],
    moments: [
      { x: atS, label: "kill -9" },
      { x: atS + servesAgainMs / 1000, label: `serves again, ${servesAgainMs} ms` },
    ],
  });
}

function theBest(runs: readonly Run[], batch: number): string {
  const own = runs.filter((one) => one.batch === batch);
  const best = own.reduce((a, b) => (b.messagesPerS > a.messagesPerS ? b : a));
  const one = found(runs, 1, 1, batch);
  return (
    `With ${batch} message${batch === 1 ? "" : "s"} in a request: ${Math.round(one.messagesPerS).toLocaleString("en")} messages/s with one ` +
    `shard on one broker (p99 ${one.p99Ms.toFixed(1)} ms); most with ${best.shards} shards on ${best.brokers} ` +
    `broker${best.brokers === 1 ? "" : "s"}: ${Math.round(best.messagesPerS).toLocaleString("en")}/s (p99 ${best.p99Ms.toFixed(1)} ms).`
  );
}

function nothingLost(runs: readonly Run[]): string {
  const short = runs.filter(({ acknowledged, kept }) => kept < acknowledged);
  const total = sum(runs.map(({ acknowledged }) => acknowledged)).toLocaleString("en");
  if (short.length === 0)
    return `All ${total} acknowledged messages are there; ${sum(runs.map(({ failed }) => failed))} requests failed.`;
  return `**In ${short.length} of ${runs.length} runs fewer messages are there than were acknowledged.**`;
}

function theKill({ servesAgainMs, silentMs, acknowledged, kept, failed, byCode }: Kill): string {
  const codes = Object.entries(byCode)
    .map(([code, count]) => `${code}: ${count}`)
    .join(", ");
  const lost = Math.max(0, acknowledged - kept);
  return (
    `**A broker is killed** under load: it serves again after ${servesAgainMs} ms; the longest time without any answer is ${silentMs} ms ` +
    `(in steps of ${sampleMs}). Answers by status: ${codes}; ${failed} requests failed, which plain produces may when their outcome is not known. ` +
    `Of ${acknowledged.toLocaleString("en")} acknowledged messages ${lost} are missing, ${Math.max(0, kept - acknowledged)} more are there than were acknowledged.`
  );
}
