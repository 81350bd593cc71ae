// Producers and readers on a system under faults, each writing down what it did and was told. Some go by the client, with
// its retries; some ask once and take what comes; some speak the course's contract, which names no offsets.
import { setTimeout as pause } from "node:timers/promises";
import { RoundhouseError } from "../../src/errors.ts";
import type { QueueApi } from "../../src/queue/client/api.ts";
import type { QueueClient } from "../../src/queue/client/client.ts";
import type { HttpClient } from "../../src/queue/client/http.ts";
import { createLegacyApi } from "../../src/queue/client/legacy.ts";
import { retry } from "../../src/queue/client/retry.ts";
import { packBatch, recordsOf } from "../../src/queue/records.ts";
import type { Outcome, Poll, Produce, Seek } from "./history.ts";

export interface Notes {
  readonly history: (Produce | Poll | Seek)[];
  /** What the course's consumers were given, in order; offsets are found when the shards are read at the end. */
  readonly consumed: {
    readonly process: string;
    readonly shard: string;
    readonly value: string;
    readonly atMs: number;
  }[];
  acknowledged: number;
  /** Of the last acknowledgement. */
  acknowledgedAtMs: number;
  /** The longest time without one, after the first. */
  silenceMs: number;
}

export interface Workload {
  readonly topic: string;
  readonly shards: readonly string[];
  readonly notes: Notes;
  readonly random: () => number;
  /** Aborted when producers are to end. */
  readonly signal: AbortSignal;
}

export function createNotes(): Notes {
  return { history: [], consumed: [], acknowledged: 0, acknowledgedAtMs: 0, silenceMs: 0 };
}

interface Sent {
  readonly process: string;
  readonly shard: string;
  readonly values: readonly string[];
  readonly startedAt: number;
}

function note(notes: Notes, sent: Sent, outcome: Outcome, offset: number | null): void {
  const nowMs = performance.now();
  notes.history.push({ kind: "produce", ...sent, offset, outcome, endedAt: nowMs });
  if (outcome !== "ok") return;
  if (notes.acknowledged++ > 0) notes.silenceMs = Math.max(notes.silenceMs, nowMs - notes.acknowledgedAtMs);
  notes.acknowledgedAtMs = nowMs;
}

/** Without an answer, or with one that says so, it may have been stored. */
const outcomeOf = (error: unknown): Outcome =>
  error instanceof RoundhouseError && !error.retryable ? "fail" : "unknown";

const pick = <T>({ random }: Workload, ones: readonly T[]): T =>
  ones[Math.floor(random() * ones.length)] as T;

const THINK_MS = 10;

/** The client's producer, several messages under way at a time. */
export async function produceByClient(work: Workload, process: string, client: QueueClient): Promise<void> {
  const producer = client.producer({ retryMs: 8000, lingerMs: 1 });
  const underWay = new Set<Promise<void>>();
  for (let i = 0; !work.signal.aborted; i++) {
    const sent = {
      process,
      shard: pick(work, work.shards),
      values: [`${process}-${i}`],
      startedAt: performance.now(),
    };
    const sending = producer
      .send(work.topic, { value: sent.values[0] as string }, { shard: sent.shard })
      .then(
        ({ offset }) => note(work.notes, sent, "ok", offset),
        (error) => note(work.notes, sent, outcomeOf(error), null),
      )
      .finally(() => underWay.delete(sending));
    underWay.add(sending);
    await pause(work.random() * THINK_MS);
    if (underWay.size > 50) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  await producer.close();
}

/** A batch at a time, each asked for once, by no producer's id: without an answer nothing is known of it. */
export async function produceOnce(work: Workload, process: string, api: QueueApi): Promise<void> {
  for (let i = 0; !work.signal.aborted; ) {
    const values = Array.from({ length: 1 + Math.floor(work.random() * 5) }, () => `${process}-${i++}`);
    const sent = { process, shard: pick(work, work.shards), values, startedAt: performance.now() };
    const batch = packBatch(
      values.map((value) => ({ value: Buffer.from(value) })),
      { timestampMs: Date.now() },
    );
    try {
      const offset = await api.append(
        { topic: work.topic, shard: sent.shard },
        batch,
        AbortSignal.timeout(5000),
      );
      note(work.notes, sent, "ok", offset);
    } catch (error) {
      note(work.notes, sent, outcomeOf(error), null);
    }
    await pause(work.random() * 2 * THINK_MS);
  }
}

/** By the course's contract, with a sequence, until it is acknowledged: its answers name no offset. */
export async function produceByContract(
  work: Workload,
  process: string,
  http: HttpClient,
  origin: string,
): Promise<void> {
  const api = createLegacyApi(http, origin);
  const patience = { withinMs: 30_000, mayPass: () => true };
  const shard = pick(work, work.shards);
  const producer = await retry(() => api.registerProducer({ topic: work.topic, shard }), patience);
  for (let i = 0; !work.signal.aborted; i++) {
    const sent = { process, shard, values: [`${process}-${i}`], startedAt: performance.now() };
    try {
      await retry(() => api.produce(producer, sent.values[0] as string, i, 5000), patience);
      note(work.notes, sent, "ok", null);
    } catch {
      // Its sequence may not be used for another message now.
      note(work.notes, sent, "unknown", null);
      return;
    }
    await pause(work.random() * 2 * THINK_MS);
  }
}

/** Reads a shard from its beginning, and now and then from there again, until `until` and the end. */
export async function readByFetch(
  work: Workload,
  process: string,
  api: QueueApi,
  shard: string,
  until: AbortSignal,
): Promise<void> {
  const place = { process, shard };
  let offset = 0;
  const seek = (to: number): void => {
    offset = to;
    const nowMs = performance.now();
    work.notes.history.push({ kind: "seek", ...place, offset, startedAt: nowMs, endedAt: nowMs });
  };
  seek(0);
  while (!until.aborted) {
    const startedAt = performance.now();
    try {
      const options = { offset, bytesMax: 64 * 1024, waitMs: 200 };
      const { batches, next } = await api.fetch({ topic: work.topic, shard }, options);
      const messages = batches.flatMap((batch) =>
        Array.from(recordsOf(batch, offset), (record) => ({
          offset: record.offset,
          value: String(record.value),
        })),
      );
      if (messages.length > 0) {
        work.notes.history.push({ kind: "poll", ...place, messages, startedAt, endedAt: performance.now() });
      }
      offset = next;
      if (work.random() < 0.002) seek(0);
    } catch (error) {
      if (error instanceof RoundhouseError && !error.retryable) throw error;
      await pause(20);
    }
  }
}

/** The client's consumer, which follows the owners. */
export async function readByClient(
  work: Workload,
  process: string,
  client: QueueClient,
  until: AbortSignal,
): Promise<void> {
  const consumer = await retry(() => client.consumer(work.topic, process), {
    withinMs: 30_000,
    mayPass: () => true,
  });
  while (!until.aborted) {
    const startedAt = performance.now();
    for (const { shard, offset, value } of await consumer.poll({ waitMs: 200 })) {
      const messages = [{ offset, value: String(value) }];
      const times = { startedAt, endedAt: performance.now() };
      work.notes.history.push({ kind: "poll", process, shard, messages, ...times });
    }
  }
  await consumer.close();
}

/** By the course's contract, a message at a time, over all shards. */
export async function readByContract(
  work: Workload,
  process: string,
  http: HttpClient,
  origin: string,
  until: AbortSignal,
): Promise<void> {
  const api = createLegacyApi(http, origin);
  const patience = { withinMs: 30_000, mayPass: () => true };
  const consumer = await retry(() => api.registerConsumer({ topic: work.topic, shard: null }), patience);
  for (let had = 0; !until.aborted; ) {
    try {
      const consumed = await api.consume(consumer, had, 5000);
      if (consumed === null) await pause(50);
      else {
        had++;
        const shard = consumed.topic.slice(consumed.topic.indexOf(":") + 1);
        work.notes.consumed.push({ process, shard, value: consumed.message, atMs: performance.now() });
      }
    } catch {
      await pause(50);
    }
  }
}

/** What the course's consumers were given as polls: each value's offset is where the last reading has found it. */
export function pollsOf({ history, consumed }: Notes): Poll[] {
  const places = new Map<string, number>();
  for (const one of history) {
    if (one.kind === "poll") for (const { value, offset } of one.messages) places.set(value, offset);
  }
  return consumed.map(({ process, shard, value, atMs }) => {
    // Not found: the checker shall stumble over it.
    const offset = places.get(value) ?? -1;
    return { kind: "poll", process, shard, messages: [{ offset, value }], startedAt: atMs, endedAt: atMs };
  });
}
