// End to end: 10,000 messages/s sent on schedule whatever the acknowledgements do, each carrying the moment it was due;
// the consumer, who reads meanwhile, notes how late it comes. Producer and consumer are one process, so there is one clock.
// The disk is probed in the same seconds, to tell how much of the tail is its own.
import { setTimeout as sleep } from "node:timers/promises";
import { probeDisk, type SyncTimes } from "./disk-probe.ts";
import type { RunningQueue } from "./peers/peer.ts";
import { quantile } from "./quantile.ts";
import { serverCpuMs } from "./throughput.ts";

export interface EndToEnd {
  readonly name: string;
  readonly sent: number;
  readonly received: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of the server's core. */
  readonly coreShare: number;
  /** Of small synced writes beside it. */
  readonly syncMs: SyncTimes;
}

const RATE_PER_S = 10_000;
const BYTES = 100;
const WARMUP_MS = 1000;
/** Most that is read at a time. */
const BATCH = 100;

export async function measureEndToEnd(
  name: string,
  running: RunningQueue,
  folder: string,
  seconds: number,
): Promise<EndToEnd> {
  const session = await running.open("endtoend");
  const stop = new AbortController();
  const lateMs: number[] = [];
  let received = 0;
  let notBeforeMs = Number.POSITIVE_INFINITY;
  const consuming = session.consume(BATCH, take, stop.signal);

  function take(values: readonly Uint8Array[]): void {
    const nowMs = performance.now();
    for (const value of values) {
      received++;
      const dueMs = Buffer.from(value.buffer, value.byteOffset, 8).readDoubleBE();
      if (dueMs >= notBeforeMs) lateMs.push(nowMs - dueMs);
    }
  }

  await sleep(200);
  const probe = await probeDisk(folder);
  const startedMs = performance.now();
  notBeforeMs = startedMs + WARMUP_MS;
  const cpuBefore = serverCpuMs(running.pid);
  const sent = await sendOnSchedule(
    (values) => session.produce(values),
    startedMs,
    seconds * 1000 + WARMUP_MS,
  );
  const coreShare = (serverCpuMs(running.pid) - cpuBefore) / (performance.now() - startedMs);
  const syncMs = await probe.end();
  for (let waited = 0; received < sent && waited < 5000; waited += 50) await sleep(50);
  stop.abort();
  await consuming;
  await session.remove();
  const [p50Ms, p99Ms] = [quantile(lateMs, 0.5), quantile(lateMs, 0.99)];
  return { name, sent, received, p50Ms, p99Ms, coreShare, syncMs };
}

/** Each millisecond what is due by then, each with its own due time; resolves when all is acknowledged. */
async function sendOnSchedule(
  produce: (values: readonly Buffer[]) => Promise<void>,
  startedMs: number,
  lengthMs: number,
): Promise<number> {
  const acknowledged: Promise<void>[] = [];
  const total = Math.floor((lengthMs * RATE_PER_S) / 1000);
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startedMs) * RATE_PER_S) / 1000));
    if (due > sent) {
      const values: Buffer[] = [];
      for (; sent < due; sent++) values.push(stamped(startedMs + (sent * 1000) / RATE_PER_S));
      acknowledged.push(produce(values));
    }
    await sleep(1);
  }
  await Promise.all(acknowledged);
  return sent;
}

function stamped(dueMs: number): Buffer {
  // From the pool: memory of its own for each message would be the collector's work, and in the figures.
  const value = Buffer.allocUnsafe(BYTES).fill("x");
  value.writeDoubleBE(dueMs);
  return value;
}
