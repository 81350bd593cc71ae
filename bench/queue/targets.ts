// Roundhouse's own targets, one function each: deep shards, single produces and NDJSON over HTTP by wrk, many shards.
// The comparison with the peers is in throughput.ts.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHttpClient } from "../../src/queue/client/http.ts";
import { packBatch } from "../../src/queue/records.ts";
import { runPinned } from "../proxy/pinned-process.ts";
import { anonymousBytes, processTree } from "../proxy/process-meter.ts";
import type { QueueBenchOptions } from "./options.ts";
import { folderFor } from "./peers/peer.ts";
import {
  lineOf,
  type OwnedShard,
  type RunningRoundhouse,
  recordsPath,
  startRoundhouse,
} from "./peers/roundhouse.ts";
import { quantile } from "./quantile.ts";
import { payloads, serverCpuMs } from "./throughput.ts";

export interface TargetOutcome {
  readonly target: string;
  readonly measured: string;
  readonly isMet: boolean;
}

const whole = (value: number): string => Math.round(value).toLocaleString("en");
const BYTES = 100;

/**
 * The largest that the broker's own memory (the larger of its processes) was while `work` ran, looked at all the time.
 * Its processes are looked for once: to go through all that the machine has would hold up what is measured.
 */
async function withMemoryPeak<T>(
  running: RunningRoundhouse,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly peakBytes: number }> {
  let peakBytes = 0;
  const pids = processTree(running.pid);
  const look = (): void => {
    for (const pid of pids) peakBytes = Math.max(peakBytes, anonymousBytes([pid]));
  };
  const timer = setInterval(look, 100);
  try {
    const result = await work();
    look();
    return { result, peakBytes };
  } finally {
    clearInterval(timer);
  }
}

/** Fetches at random places of one deep shard, by offset and by time, one after another; and the memory all along. */
export async function measureDepth(
  { depth, caseSeconds }: QueueBenchOptions,
  running: RunningRoundhouse,
): Promise<TargetOutcome[]> {
  const [shard] = (await running.makeTopic("deep", 1)) as [OwnedShard];
  const firstMs = Date.now() - depth;
  const { result, peakBytes } = await withMemoryPeak(running, async () => {
    const startedMs = performance.now();
    await fill(running, shard, depth, firstMs);
    const fillS = (performance.now() - startedMs) / 1000;
    const place = () => Math.floor(Math.random() * depth);
    const byOffset = await fetchTimes(shard, () => `offset=${place()}`, caseSeconds);
    const byTime = await fetchTimes(shard, () => `time=${firstMs + place()}`, caseSeconds);
    return { byOffset, byTime, fillS };
  });
  const fetched = (by: string, tookMs: readonly number[]): TargetOutcome => ({
    target: `fetch by ${by} from ${whole(depth)} messages in one shard: p99 ≤ 1 ms`,
    measured: `p99 ${quantile(tookMs, 0.99).toFixed(2)} ms, median ${quantile(tookMs, 0.5).toFixed(2)} ms (${whole(tookMs.length)} fetches of 100 messages; filled in ${result.fillS.toFixed(0)} s)`,
    isMet: quantile(tookMs, 0.99) <= 1,
  });
  const memory = {
    target: `broker RssAnon ≤ 300 MB, while filling and reading ${whole(depth)} messages`,
    measured: `at most ${whole(peakBytes / 1e6)} MB`,
    isMet: peakBytes <= 300e6,
  };
  return [fetched("offset", result.byOffset), fetched("time", result.byTime), memory];
}

/** In batches of 100, a message each millisecond. */
async function fill(
  { client }: RunningRoundhouse,
  shard: OwnedShard,
  depth: number,
  firstMs: number,
): Promise<void> {
  const [value] = payloads(1, BYTES) as [Buffer];
  let at = 0;
  async function keepFilling(): Promise<void> {
    while (at < depth) {
      const base = at;
      at += 100;
      const records = Array.from({ length: 100 }, (_, i) => ({ value, timestampMs: firstMs + base + i }));
      await client.api.append(shard, packBatch(records, { timestampMs: firstMs + base }));
    }
  }
  await Promise.all(Array.from({ length: 32 }, keepFilling));
}

/** Until both sides have compiled what they run. */
const WARMUP_MS = 2000;

async function fetchTimes(shard: OwnedShard, query: () => string, seconds: number): Promise<number[]> {
  const http = createHttpClient();
  const headers = { accept: "application/x-kafka-record-batch" };
  const tookMs: number[] = [];
  const warmMs = performance.now() + WARMUP_MS;
  const untilMs = warmMs + seconds * 1000;
  while (performance.now() < untilMs) {
    const path = `${recordsPath(shard)}?${query()}&max_bytes=1`;
    const startedMs = performance.now();
    const { status, body } = await http.ask(shard.at, { method: "GET", path, headers });
    if (status !== 200 || body.length < BYTES)
      throw new Error(`${path}: status ${status}, ${body.length} bytes`);
    if (startedMs >= warmMs) tookMs.push(performance.now() - startedMs);
  }
  http.close();
  return tookMs;
}

interface WrkCounts {
  readonly requests: number;
  readonly durationUs: number;
  readonly failures: number;
  readonly p99Us: number;
}

interface WrkRun {
  readonly perRequest: number;
  readonly connections: number;
  readonly contentType: string;
  readonly body: string;
}

/** Sends the body to a topic with one shard, at its owner, as fast as the answers come. */
async function wrkRate(
  options: QueueBenchOptions,
  running: RunningRoundhouse,
  folder: string,
  { perRequest, connections, contentType, body }: WrkRun,
) {
  const [shard] = (await running.makeTopic(`wrk${perRequest}`, 1)) as [OwnedShard];
  const file = join(folder, `body-${perRequest}`);
  writeFileSync(file, body);
  const script = fileURLToPath(new URL("./produce.lua", import.meta.url));
  const drive = async (seconds: number): Promise<WrkCounts> => {
    const url = shard.at + recordsPath(shard);
    const flags = ["-t1", `-c${connections}`, `-d${Math.ceil(seconds)}s`, "-s", script, url];
    const environment = { BENCH_BODY_FILE: file, BENCH_CONTENT_TYPE: contentType };
    const output = await runPinned(["wrk", ...flags], { core: options.clientCore, environment });
    const line = /^RESULT (.*)$/m.exec(output)?.[1];
    if (line === undefined) throw new Error(`wrk gave no result: ${output}`);
    return JSON.parse(line) as WrkCounts;
  };
  await drive(2);
  const cpuBefore = serverCpuMs(running.pid);
  const counts = await drive(options.caseSeconds);
  const seconds = counts.durationUs / 1e6;
  const cpuS = (serverCpuMs(running.pid) - cpuBefore) / 1000;
  const messages = counts.requests * perRequest;
  return {
    perS: messages / seconds,
    failures: counts.failures,
    text:
      `${whole(messages / seconds)}/s, ${whole(messages / cpuS)} per CPU-second, ${Math.round((cpuS / seconds) * 100)} % of the core, ` +
      `p99 ${(counts.p99Us / 1000).toFixed(1)} ms, ${counts.failures} failures (${connections} connections)`,
  };
}

export async function measureSingle(
  options: QueueBenchOptions,
  running: RunningRoundhouse,
  folder: string,
): Promise<TargetOutcome[]> {
  const body = lineOf(payloads(1, BYTES)[0] as Buffer);
  const run = { perRequest: 1, connections: 256, contentType: "application/json", body };
  const { perS, failures, text } = await wrkRate(options, running, folder, run);
  const isMet = perS >= 20_000 && failures === 0;
  return [{ target: "single-message HTTP produces on one core: ≥ 20,000/s", measured: text, isMet }];
}

export async function measureNdjson(
  options: QueueBenchOptions,
  running: RunningRoundhouse,
  folder: string,
): Promise<TargetOutcome[]> {
  const body = payloads(1000, BYTES).map(lineOf).join("\n");
  const run = { perRequest: 1000, connections: 8, contentType: "application/x-ndjson", body };
  const { perS, failures, text } = await wrkRate(options, running, folder, run);
  const isMet = perS >= 500_000 && failures === 0;
  return [{ target: "NDJSON batches of 1,000: ≥ 500,000 messages/s", measured: text, isMet }];
}

const FETCHERS = 16;

/** Every so many-th shard, one after another. */
async function fetchFrom(
  { client }: RunningRoundhouse,
  shards: readonly OwnedShard[],
  first: number,
): Promise<void> {
  for (let i = first; i < shards.length; i += FETCHERS) {
    const shard = shards[i] as OwnedShard;
    const { batches } = await client.api.fetch(shard, { offset: 0, bytesMax: 1, waitMs: 0 });
    if (batches.length === 0) throw new Error(`shard ${shard.shard} came back empty`);
  }
}

/** From the start of the program until every shard, each holding a message, has answered a fetch. */
export async function measureShards(options: QueueBenchOptions, folder: string): Promise<TargetOutcome[]> {
  const data = folderFor(folder, "shards");
  const first = await startRoundhouse(data, options.serverCore, options.roundhouse);
  const batch = () => packBatch([{ value: Buffer.from("x") }], { timestampMs: Date.now() });
  const made = await first.makeTopic("wide", options.shards).catch(async (error: unknown) => {
    await first.stop();
    throw error;
  });
  await Promise.all(made.map((shard) => first.client.api.append(shard, batch())));
  await first.stop();
  const startedMs = performance.now();
  const again = await startRoundhouse(data, options.serverCore, options.roundhouse);
  const upMs = performance.now() - startedMs;
  const { peakBytes } = await withMemoryPeak(again, async () => {
    const shards = await again.shardsOf("wide");
    await Promise.all(Array.from({ length: FETCHERS }, (_, i) => fetchFrom(again, shards, i)));
  });
  const openMs = performance.now() - startedMs;
  await again.stop();
  return [
    {
      target: `${whole(options.shards)} shards open in ≤ 2 s`,
      measured: `${whole(openMs)} ms from the start of the program until each had answered a fetch (its port: ${whole(upMs)} ms); RssAnon ${whole(peakBytes / 1e6)} MB`,
      isMet: openMs <= 2000,
    },
  ];
}
