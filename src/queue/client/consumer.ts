// A consumer of a queue that runs elsewhere: reads each shard ahead by long polls, hands messages out shard by shard in
// turn, and keeps its place in the queue, under its name. Delivery is at least once, as consumer.ts has it.
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { RoundhouseError } from "../../errors.ts";
import type { Consumer, Place, PollOptions } from "../consumer.ts";
import { type Message, toMessage } from "../message.ts";
import { recordsOf } from "../records.ts";
import type { Places, QueueApi, TopicView } from "./api.ts";
import { mayPass } from "./producer.ts";
import { backOffMs, retry } from "./retry.ts";
import { createRoutes } from "./routes.ts";

export interface RemoteConsumerOptions {
  /** Where a new consumer begins; one that is known goes on where it was. Default `beginning`. */
  readonly from?: "beginning" | "end";
  /** Most to read ahead in each shard; default 256 KiB. */
  readonly readAheadBytes?: number;
  /** Most time between what an iteration has done with and its commit; default 200 ms. */
  readonly commitEveryMs?: number;
  /** How long commits and seeks are tried again; default 30 s. Reading is tried again without end. */
  readonly retryMs?: number;
  /** How often new shards are looked for; default 5 s. */
  readonly newShardsEveryMs?: number;
  /** Told when reading has to be tried again. */
  readonly onRetry?: (error: unknown) => void;
}

export interface RemoteConsumer extends Consumer {
  /** Ends what is under way. What was handed out and not committed comes again. */
  close(): Promise<void>;
}

/** One shard as this consumer reads it. */
interface Reader {
  readonly shard: string;
  /** Where the next fetch begins. */
  next: number;
  /** Read ahead; handed out up to `at`. */
  messages: readonly Message[];
  at: number;
  /** The fetch that is under way; a seek aborts it and takes its place. */
  fetch: AbortController | null;
  /** That fetch is answered at once, so a poll that does not wait for messages waits for it. */
  sounding: boolean;
  /** The last fetch found nothing: the next one may wait in the queue. */
  caughtUp: boolean;
  failures: number;
}

const WAIT_MS = 10_000;
const MESSAGES_MAX = 500;

/** @param direct whether owners may be asked themselves, at the addresses that the queue names */
export async function openConsumerOn(
  api: QueueApi,
  direct: boolean,
  topic: string,
  name: string,
  options: RemoteConsumerOptions = {},
): Promise<RemoteConsumer> {
  const {
    from = "beginning",
    readAheadBytes = 256 * 1024,
    commitEveryMs = 200,
    retryMs = 30_000,
    onRetry,
  } = options;
  const routes = createRoutes(api, direct, options.newShardsEveryMs);
  const stop = new AbortController();
  const again = { withinMs: retryMs, mayPass, signal: stop.signal };
  const readers = new Map<string, Reader>();
  /** The next offset after what was handed out, by shard. */
  const handedOut = new Map<string, number>();
  /** Where reading began, by shard. */
  const begun = new Map<string, number>();
  /** Of the polls that wait. */
  const sleepers = new Set<() => void>();
  let fatal: unknown = null;
  let turn = 0;

  function stand(places: Places): void {
    for (const [shard, next] of places) {
      readers.get(shard)?.fetch?.abort();
      readers.set(shard, newReader(shard, next));
      begun.set(shard, next);
      handedOut.delete(shard);
    }
  }

  /** Shards that were added after the consumer began. */
  async function takeNew(view: TopicView): Promise<void> {
    if (view.shards.every((shard) => readers.has(shard.name))) return;
    const places = await api.places(topic, name);
    stand(new Map([...places].filter(([shard]) => !readers.has(shard))));
  }

  stand(await retry(() => api.openConsumer(topic, name, from), again));

  function wake(): void {
    for (const resolve of sleepers) resolve();
    sleepers.clear();
  }

  const woken = (): Promise<void> => new Promise((resolve) => void sleepers.add(resolve));

  /** @param sound whether what is there now is asked for, by a poll that waits for the answer and not for messages */
  function readAhead(reader: Reader, sound: boolean): void {
    if (reader.fetch !== null || reader.at < reader.messages.length || stop.signal.aborted) return;
    const fetch = new AbortController();
    reader.fetch = fetch;
    reader.sounding = sound && !reader.caughtUp && reader.failures === 0;
    void fetchOnce(reader, fetch).finally(() => {
      if (reader.fetch === fetch) reader.fetch = null;
      reader.sounding = false;
      wake();
    });
  }

  async function fetchOnce(reader: Reader, fetch: AbortController): Promise<void> {
    const { next, shard } = reader;
    const at = routes.ownerOf(topic, shard);
    const { signal } = fetch;
    try {
      const limits = {
        offset: next,
        bytesMax: readAheadBytes,
        waitMs: reader.sounding ? 0 : WAIT_MS,
        signal,
      };
      const fetched = await api.fetch({ topic, shard, at }, limits);
      if (signal.aborted) return;
      reader.messages = fetched.batches.flatMap((batch) =>
        Array.from(recordsOf(batch, next), (record) => toMessage(topic, shard, record)),
      );
      reader.at = 0;
      reader.next = fetched.next;
      reader.caughtUp = fetched.next === next;
      reader.failures = 0;
    } catch (error) {
      if (!signal.aborted) await recover(reader, error, signal);
    }
  }

  async function recover(reader: Reader, error: unknown, signal: AbortSignal): Promise<void> {
    if (error instanceof RoundhouseError && error.code === "OFFSET_OUT_OF_RANGE") {
      // Retention has overtaken us: what is gone is gone, and it goes on with the oldest.
      const view = await api.topic(topic).catch(() => null);
      const shard = view?.shards.find((one) => one.name === reader.shard);
      if (signal.aborted) return;
      if (shard !== undefined && shard.start > reader.next) reader.next = shard.start;
      else if (shard !== undefined) fatal = error;
      return;
    }
    noteFailure(error);
    routes.doubt(topic);
    reader.sounding = false;
    wake();
    await pause(backOffMs(reader.failures++), undefined, { signal }).catch(() => undefined);
  }

  function handOut(messagesMax: number): Message[] {
    const ready = [...readers.values()];
    const out: Message[] = [];
    for (let i = 0; i < ready.length && out.length < messagesMax; i++) {
      const reader = ready[turn++ % ready.length] as Reader;
      const messages = reader.messages.slice(reader.at, reader.at + messagesMax - out.length);
      reader.at += messages.length;
      const last = messages.at(-1);
      if (last !== undefined) handedOut.set(reader.shard, last.offset + 1);
      out.push(...messages);
    }
    return out;
  }

  async function poll({
    messagesMax = MESSAGES_MAX,
    waitMs = 0,
    signal,
  }: PollOptions = {}): Promise<Message[]> {
    const untilMs = performance.now() + waitMs;
    let yielded = false;
    for (;;) {
      signal?.throwIfAborted();
      if (stop.signal.aborted)
        throw new RoundhouseError("SHUTTING_DOWN", "The consumer is closed; open another one");
      if (fatal !== null) throw fatal;
      const view = routes.known(topic);
      if (view !== null) await takeNew(view).catch(noteFailure);
      const messages = handOut(messagesMax);
      for (const reader of readers.values()) readAhead(reader, waitMs <= 0);
      const leftMs = untilMs - performance.now();
      if (messages.length > 0) return messages;
      if (leftMs > 0) await sooner(woken(), leftMs, signal);
      else if (waitMs <= 0 && isSounding()) await sooner(woken(), WAIT_MS, signal);
      else if (yielded) return messages;
      else {
        // A loop of polls that do not wait must let arrive what was asked for.
        await nextTurn();
        yielded = true;
      }
    }
  }

  const isSounding = (): boolean => [...readers.values()].some((reader) => reader.sounding);

  async function commitPlaces(places: Places): Promise<void> {
    if (places.size === 0) return;
    const [shard = ""] = places.keys();
    try {
      // To an owner, who makes its own shards' places durable and asks the others' owners; if in doubt, to the queue.
      await retry(() => api.commit(topic, name, places, routes.ownerOf(topic, shard)), {
        ...again,
        onRetry: () => routes.doubt(topic),
      });
    } catch (error) {
      if (!(error instanceof RoundhouseError) || error.code !== "OFFSET_OUT_OF_RANGE") throw error;
      // Retention has taken what we were done with: the oldest message that is left is further on.
      const view = await retry(() => api.topic(topic), again);
      const raised = view.shards.flatMap(({ name: shard, start }) => {
        const place = places.get(shard);
        return place === undefined ? [] : [[shard, Math.max(place, start)] as const];
      });
      await retry(() => api.commit(topic, name, new Map(raised)), again);
    }
  }

  /** What passes will be tried again by the next poll. */
  function noteFailure(error: unknown): void {
    if (mayPass(error)) onRetry?.(error);
    else fatal = error;
  }

  async function commit(upTo?: Message): Promise<void> {
    await commitPlaces(upTo === undefined ? new Map(handedOut) : new Map([[upTo.shard, upTo.offset + 1]]));
  }

  async function seek(place: Place): Promise<void> {
    const places = await retry(() => api.seek(topic, name, place), again);
    const moved = typeof place === "object" && "shard" in place ? [place.shard] : [...places.keys()];
    stand(new Map([...places].filter(([shard]) => moved.includes(shard))));
    wake();
  }

  async function lag(): Promise<number> {
    const view = await retry(() => api.topic(topic), again);
    let total = 0;
    for (const { name: shard, start, end } of view.shards) {
      const next = handedOut.get(shard) ?? begun.get(shard) ?? start;
      total += Math.max(0, end - Math.max(next, start));
    }
    return total;
  }

  /** A message is done with when the next one is asked for; what is done with is committed from time to time. */
  async function* iterate(): AsyncGenerator<Message> {
    const done = new Map<string, number>();
    let committedAtMs = performance.now();
    const commitDone = async (): Promise<void> => {
      const places = new Map(done);
      done.clear();
      committedAtMs = performance.now();
      await commitPlaces(places);
    };
    try {
      for (;;) {
        const [message] = await poll({ messagesMax: 1, waitMs: done.size > 0 ? commitEveryMs : WAIT_MS });
        if (message !== undefined) {
          yield message;
          done.set(message.shard, message.offset + 1);
        }
        const due = message === undefined || performance.now() - committedAtMs >= commitEveryMs;
        if (due) await commitDone();
      }
    } finally {
      if (!stop.signal.aborted) await commitDone();
    }
  }

  async function close(): Promise<void> {
    const closed = new RoundhouseError("SHUTTING_DOWN", "The consumer was closed");
    stop.abort(closed);
    for (const reader of readers.values()) reader.fetch?.abort(closed);
    wake();
  }

  return { topic, name, poll, commit, seek, lag, close, [Symbol.asyncIterator]: iterate };
}

function newReader(shard: string, next: number): Reader {
  return { shard, next, messages: [], at: 0, fetch: null, sounding: false, caughtUp: false, failures: 0 };
}

/** The promise, the time, or the signal, whichever is first; the signal as a rejection. Without further signals: a poll waits for each message. */
function sooner(over: Promise<void>, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const settle = (end: () => void): void => {
      clearTimeout(clock);
      signal?.removeEventListener("abort", onAbort);
      end();
    };
    const onAbort = (): void => settle(() => reject(signal?.reason));
    const clock = setTimeout(settle, waitMs, resolve);
    signal?.addEventListener("abort", onAbort);
    void over.then(() => settle(resolve));
  });
}
