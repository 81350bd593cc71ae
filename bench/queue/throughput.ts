// Messages per second, and per second of the server's processor time: producing as fast as the acknowledgements come,
// then reading all of it back. The same loops drive every peer.
import { setTimeout as sleep } from "node:timers/promises";
import { cpuTime, processTree } from "../proxy/process-meter.ts";
import type { RunningQueue, Session } from "./peers/peer.ts";

/** What one round of one peer did and cost. */
export interface Sample {
  readonly messages: number;
  readonly seconds: number;
  readonly serverCpuMs: number;
  readonly clientCpuMs: number;
}

/** Batches under way at a time, the same for every peer. */
const IN_FLIGHT: Readonly<Record<number, number>> = { 1: 256, 100: 16, 1000: 4 };
/** A round that takes longer has failed, so that a run without a witness ends. */
const ROUND_MS_MAX = 60_000;
/** Nothing comes for so long: everything was read. */
const DRY_MS = 300;

export const serverCpuMs = (pid: number): number => {
  const { userMs, systemMs } = cpuTime(processTree(pid));
  return userMs + systemMs;
};

export const payloads = (count: number, bytes: number): Buffer[] =>
  Array.from({ length: count }, () => Buffer.alloc(bytes, "x"));

/** Does `work`, which tells how many messages it moved and when it had moved the last. */
async function metered(
  pid: number,
  work: () => Promise<{ readonly messages: number; readonly endedMs: number }>,
): Promise<Sample> {
  const serverBefore = serverCpuMs(pid);
  const clientBefore = process.cpuUsage();
  const startedMs = performance.now();
  const late = new AbortController();
  const tooLong = sleep(ROUND_MS_MAX, null, { signal: late.signal });
  const done = await Promise.race([work(), tooLong]).finally(() => late.abort());
  if (done === null) throw new Error(`A round has not ended after ${ROUND_MS_MAX / 1000} s`);
  const { messages, endedMs } = done;
  const { user, system } = process.cpuUsage(clientBefore);
  return {
    messages,
    seconds: (endedMs - startedMs) / 1000,
    serverCpuMs: serverCpuMs(pid) - serverBefore,
    clientCpuMs: (user + system) / 1000,
  };
}

export function measureProduce(
  { pid }: RunningQueue,
  session: Session,
  batch: number,
  bytes: number,
  seconds: number,
): Promise<Sample> {
  return metered(pid, async () => {
    const values = payloads(batch, bytes);
    const untilMs = performance.now() + seconds * 1000;
    let messages = 0;
    async function keepSending(): Promise<void> {
      while (performance.now() < untilMs) {
        await session.produce(values);
        messages += batch;
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT[batch] ?? 4 }, keepSending));
    return { messages, endedMs: performance.now() };
  });
}

/** Reads for so long, or until there is nothing left; a value of another length is an error. */
export function measureConsume(
  { pid }: RunningQueue,
  session: Session,
  batch: number,
  bytes: number,
  seconds: number,
): Promise<Sample> {
  return metered(pid, async () => {
    const stop = new AbortController();
    let messages = 0;
    let endedMs = performance.now();
    const limit = setTimeout(() => stop.abort(), seconds * 1000);
    const dry = setInterval(() => {
      if (performance.now() - endedMs > DRY_MS) stop.abort();
    }, 50);
    const take = (values: readonly Uint8Array[]): void => {
      for (const value of values) {
        if (value.length !== bytes)
          throw new Error(`read ${value.length} bytes where ${bytes} were produced`);
      }
      messages += values.length;
      endedMs = performance.now();
    };
    try {
      await session.consume(batch, take, stop.signal);
    } finally {
      clearTimeout(limit);
      clearInterval(dry);
    }
    return { messages, endedMs };
  });
}
