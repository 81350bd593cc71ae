// The tablet store alone: how many messages a core stores and reads, synced, at batches of 1, 100 and 1000, beside the
// disk's own sync latency. No network and no peer: those are in queue.ts.
//
//   npm run bench -- store [--seconds 3] [--bytes 100] [--dir DIR]
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packBatch, recordsOf } from "../../src/queue/records.ts";
import { openLmdbTablet } from "../../src/queue/stores/lmdb.ts";
import type { Durability, Tablet } from "../../src/queue/tablet.ts";

interface Row {
  readonly what: string;
  readonly batch: number;
  readonly inFlight: number;
  readonly messagesPerS: number;
  readonly messagesPerCpuS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Appends under way at a time: what a busy broker sees. At batches of 1 there are many small clients. */
const IN_FLIGHT: Readonly<Record<number, number>> = { 1: 1000, 100: 32, 1000: 8 };

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "3" },
      bytes: { type: "string", default: "100" },
      dir: { type: "string", default: tmpdir() },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log("npm run bench -- store [--seconds 3] [--bytes 100] [--dir DIR]");
    return;
  }
  const folder = mkdtempSync(join(values.dir, "bench-queue-"));
  try {
    console.log(
      `Node ${process.version}, ${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores`,
    );
    console.log(
      `Messages of ${values.bytes} bytes; files in ${values.dir}; a sync of 16 KiB there: ${syncTimes(folder)}`,
    );
    console.log(
      "\nwhat                     batch  in flight   messages/s   messages/CPU s   p50 ms   p99 ms",
    );
    for await (const row of rows(folder, Number(values.seconds) * 1000, Number(values.bytes))) print(row);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* rows(folder: string, lengthMs: number, bytes: number): AsyncGenerator<Row> {
  for (const durability of ["synced", "written"] as const) {
    for (const batch of [1, 100, 1000])
      yield await appendRow(folder, durability, batch, bytes, lengthMs, true);
  }
  for (const batch of [1, 100, 1000]) yield await appendRow(folder, "synced", batch, bytes, lengthMs, false);
  for (const batch of [1, 100, 1000]) yield* readRows(folder, batch, bytes, lengthMs);
}

/** A batch as a producer would send it, made anew each time: the store stamps it in place. */
function makeBatch(batch: number, bytes: number): Buffer {
  const value = Buffer.alloc(bytes, "x");
  return packBatch(
    Array.from({ length: batch }, () => ({ value })),
    { timestampMs: Date.now() },
  );
}

async function appendRow(
  folder: string,
  durability: Durability,
  batch: number,
  bytes: number,
  lengthMs: number,
  checked: boolean,
): Promise<Row> {
  const file = join(folder, `append-${durability}-${batch}-${checked}.lmdb`);
  const tablet = await openLmdbTablet({ file, tablet: 0, epoch: 1, durability });
  await tablet.createShard(0);
  const template = makeBatch(batch, bytes);
  const inFlight = IN_FLIGHT[batch] ?? 1;
  const tookMs: number[] = [];
  const untilMs = performance.now() + lengthMs;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  async function client(): Promise<void> {
    while (performance.now() < untilMs) {
      const sentMs = performance.now();
      // Checked: a batch from the network (copied, its checksum compared). Else: packed here from messages.
      const one = checked ? Buffer.from(template) : makeBatch(batch, bytes);
      await tablet.append({ shard: 0, batch: one, trusted: !checked });
      tookMs.push(performance.now() - sentMs);
    }
  }
  await Promise.all(Array.from({ length: inFlight }, client));
  const row = rowOf(
    checked ? `append, ${durability}` : "pack + append, synced",
    batch,
    inFlight,
    tookMs,
    startedMs,
    cpu,
  );
  await tablet.close();
  rmSync(file);
  return row;
}

async function* readRows(
  folder: string,
  batch: number,
  bytes: number,
  lengthMs: number,
): AsyncGenerator<Row> {
  const tablet = await openLmdbTablet({ file: join(folder, `read-${batch}.lmdb`), tablet: 0, epoch: 1 });
  await tablet.createShard(0);
  const count = batch === 1 ? 100_000 : 500_000;
  let sent: Promise<unknown>[] = [];
  for (let i = 0; i < count; i += batch) {
    sent.push(tablet.append({ shard: 0, batch: makeBatch(batch, bytes), trusted: true }));
    if (sent.length < 200) continue;
    await Promise.all(sent);
    sent = [];
  }
  await Promise.all(sent);
  yield await readRow(tablet, "read batches", batch, count, lengthMs, false);
  yield await readRow(tablet, "read messages", batch, count, lengthMs, true);
  await tablet.close();
}

/** Fetches of up to 1 MiB from random places. */
async function readRow(
  tablet: Tablet,
  what: string,
  batch: number,
  count: number,
  lengthMs: number,
  open: boolean,
) {
  const tookMs: number[] = [];
  let messages = 0;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  while (performance.now() - startedMs < lengthMs) {
    const from = Math.floor(Math.random() * count);
    const sentMs = performance.now();
    const { batches, next } = await tablet.read(0, from);
    if (open) for (const one of batches) for (const _ of recordsOf(one, from)) messages++;
    else messages += next - from;
    tookMs.push(performance.now() - sentMs);
  }
  return rowOf(what, batch, 1, tookMs, startedMs, cpu, messages);
}

function rowOf(
  what: string,
  batch: number,
  inFlight: number,
  tookMs: number[],
  startedMs: number,
  before: NodeJS.CpuUsage,
  messages = tookMs.length * batch,
): Row {
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - startedMs) / 1000;
  tookMs.sort((a, b) => a - b);
  const quantile = (q: number): number =>
    tookMs[Math.min(tookMs.length - 1, Math.floor(q * tookMs.length))] ?? 0;
  return {
    what,
    batch,
    inFlight,
    messagesPerS: messages / seconds,
    messagesPerCpuS: messages / ((user + system) / 1e6),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}

function print(row: Row): void {
  const whole = (value: number, width: number): string =>
    Math.round(value).toLocaleString("en").padStart(width);
  console.log(
    row.what.padEnd(24) +
      String(row.batch).padStart(6) +
      String(row.inFlight).padStart(11) +
      whole(row.messagesPerS, 13) +
      whole(row.messagesPerCpuS, 17) +
      row.p50Ms.toFixed(2).padStart(9) +
      row.p99Ms.toFixed(2).padStart(9),
  );
}

/** Median and 99th percentile of 100 appends of 16 KiB, each synced. */
function syncTimes(folder: string): string {
  const path = join(folder, "sync");
  const file = openSync(path, "w");
  const page = Buffer.alloc(16 * 1024, 1);
  const tookMs: number[] = [];
  for (let i = 0; i < 100; i++) {
    const startedMs = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    tookMs.push(performance.now() - startedMs);
  }
  closeSync(file);
  rmSync(path);
  tookMs.sort((a, b) => a - b);
  return `median ${tookMs[50]?.toFixed(2)} ms, p99 ${tookMs[99]?.toFixed(2)} ms`;
}
