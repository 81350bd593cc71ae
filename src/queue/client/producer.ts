// A producer for a queue that runs elsewhere: batches, sends again without doubling, keeps the order within each shard,
// and holds a bounded amount of messages.
import { setMaxListeners } from "node:events";
import { RoundhouseError } from "../../errors.ts";
import type { Produced } from "../definitions.ts";
import { MESSAGE_BYTES_MAX, type NewMessage, toRecord } from "../message.ts";
import type { NewRecord } from "../records.ts";
import { shardOfKey } from "../topic-ring.ts";
import type { QueueApi, TopicView } from "./api.ts";
import { createLane, type Lane } from "./lane.ts";
import { retry } from "./retry.ts";
import { createRoutes } from "./routes.ts";

export interface ProducerOptions {
  /**
   * How long a batch's first message waits for others; default 0: until the end of this event-loop turn. What comes
   * while five batches of the shard are under way goes when one of them is stored.
   */
  readonly lingerMs?: number;
  /** Most messages in a batch; default 10,000. */
  readonly batchMessagesMax?: number;
  /** Size that ends a batch; default 512 KiB. */
  readonly batchBytesMax?: number;
  /** Most that is held without an acknowledgement, with what holding it costs; default 16 MiB. */
  readonly bufferBytesMax?: number;
  /** How long a batch is sent again before its messages are given up; default 30 s. */
  readonly retryMs?: number;
  /** Default `none`. */
  readonly compression?: "none" | "gzip";
  /** Largest message; default 1 MiB, the queue's own default. */
  readonly messageBytesMax?: number;
  /** Told when a batch has to be sent again. */
  readonly onRetry?: (error: unknown) => void;
}

export interface SendOptions {
  /** The shard's name; default: by key, else in turn. */
  readonly shard?: string;
}

export interface Producer {
  /**
   * Resolves when the message is durable. FULL when bufferBytesMax is used up: wait for `room`. After TIMEOUT or
   * UNREACHABLE it may have been stored once, or not at all; after other errors it has not.
   */
  send(topic: string, message: NewMessage, options?: SendOptions): Promise<Produced>;
  /** Resolves when the buffer takes further messages. */
  room(): Promise<void>;
  /** Sends all of them, never holding more than the buffer; resolves to their number. Rejects at the first failure. */
  sendAll(
    topic: string,
    messages: AsyncIterable<NewMessage> | Iterable<NewMessage>,
    options?: SendOptions & { readonly signal?: AbortSignal },
  ): Promise<number>;
  /** Resolves when nothing is held any more: everything is acknowledged or given up. */
  flush(): Promise<void>;
  /** Flushes; nothing can be sent any more. */
  close(): Promise<void>;
}

/** What a message costs in memory besides its contents, in the buffer's account. */
const RECORD_OVERHEAD_BYTES = 400;

/** @param direct whether owners may be asked themselves, at the addresses that the queue names */
export function createProducerOn(api: QueueApi, direct: boolean, options: ProducerOptions = {}): Producer {
  const {
    lingerMs = 0,
    batchMessagesMax = 10_000,
    batchBytesMax = 512 * 1024,
    compression = "none",
  } = options;
  const {
    bufferBytesMax = 16 * 1024 * 1024,
    retryMs = 30_000,
    messageBytesMax = MESSAGE_BYTES_MAX,
  } = options;
  const routes = createRoutes(api, direct);
  const lanes = new Map<string, Lane>();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // each batch under way listens, a few for each shard
  const roomWaits: (() => void)[] = [];
  const idleWaits: (() => void)[] = [];
  const firsts = new Map<string, Promise<TopicView>>();
  let bufferedBytes = 0;
  let turn = 0;
  let closed = false;

  function laneOf(topic: string, shard: string): Lane {
    const name = `${topic}:${shard}`;
    let lane = lanes.get(name);
    if (lane === undefined) {
      const again = { withinMs: retryMs, mayPass, signal: stop.signal };
      lane = createLane({
        lingerMs,
        batchMessagesMax,
        batchBytesMax,
        compression,
        newProducer: () => retry(() => api.newProducer(), again),
        send: (batch) =>
          retry(() => api.append({ topic, shard, at: routes.ownerOf(topic, shard) }, batch, stop.signal), {
            ...again,
            onRetry(error) {
              // The next try goes by the front door, the ones after it may know the new owner.
              routes.doubt(topic);
              options.onRetry?.(error);
            },
          }),
      });
      lanes.set(name, lane);
    }
    return lane;
  }

  /** One promise for all messages that wait for the topic's description, so that they go on in their order. */
  function firstView(topic: string): Promise<TopicView> {
    let view = firsts.get(topic);
    if (view === undefined) {
      view = retry(() => routes.topic(topic), { withinMs: retryMs, mayPass, signal: stop.signal });
      firsts.set(topic, view);
      const over = () => setImmediate(() => firsts.delete(topic));
      view.then(over, over);
    }
    return view;
  }

  function shardFor(view: TopicView, message: NewMessage, named: string | undefined): string {
    const { shards } = view;
    const shard =
      named !== undefined
        ? shards.find((one) => one.name === named)
        : message.key === undefined
          ? shards[turn++ % shards.length]
          : shardOfKey(view, keyText(message.key));
    if (shard !== undefined) return shard.name;
    const names = shards.map((one) => one.name).join(", ");
    throw new RoundhouseError("NOT_FOUND", `Topic "${view.name}" has no shard "${named}"; it has ${names}`, {
      source: "downstream",
    });
  }

  /** Hands a message to its lane; one of the two is called later. Throws what is wrong with it at once. */
  function submit(
    view: TopicView,
    message: NewMessage,
    named: string | undefined,
    stored: (offset: number, shard: string) => void,
    failed: (error: unknown) => void,
  ): void {
    const record = toRecord(message, messageBytesMax);
    const bytes = bytesOf(record);
    const shard = shardFor(view, message, named);
    hold(bytes);
    laneOf(view.name, shard).push({
      record,
      bytes,
      stored(offset) {
        release(bytes);
        stored(offset, shard);
      },
      failed(error) {
        release(bytes);
        failed(error);
      },
    });
  }

  function hold(bytes: number): void {
    if (bufferedBytes > 0 && bufferedBytes + bytes > bufferBytesMax) {
      throw bufferFull(bufferedBytes, bufferBytesMax);
    }
    bufferedBytes += bytes;
  }

  function release(bytes: number): void {
    bufferedBytes -= bytes;
    if (bufferedBytes < bufferBytesMax / 2) for (const wake of roomWaits.splice(0)) wake();
    if (bufferedBytes === 0) for (const wake of idleWaits.splice(0)) wake();
  }

  async function send(topic: string, message: NewMessage, { shard }: SendOptions = {}): Promise<Produced> {
    if (closed) throw new RoundhouseError("SHUTTING_DOWN", "The producer is closed; create another one");
    const view = firsts.has(topic) ? null : routes.known(topic);
    if (view !== null) return sendTo(view, message, shard);
    // What waits for the topic's description is held, too.
    const bytes = bytesOf(toRecord(message, messageBytesMax));
    hold(bytes);
    try {
      const first = await firstView(topic);
      bufferedBytes -= bytes; // `submit` takes it again, before anybody looks
      return sendTo(first, message, shard).finally(() => release(0));
    } catch (error) {
      release(bytes);
      throw error;
    }
  }

  function sendTo(view: TopicView, message: NewMessage, named: string | undefined): Promise<Produced> {
    return new Promise((resolve, reject) => {
      submit(view, message, named, (offset, shard) => resolve({ shard, offset }), reject);
    });
  }

  const room = (): Promise<void> =>
    bufferedBytes < bufferBytesMax / 2 ? Promise.resolve() : new Promise((wake) => roomWaits.push(wake));

  function flush(): Promise<void> {
    for (const lane of lanes.values()) lane.hurry();
    return bufferedBytes === 0 ? Promise.resolve() : new Promise((wake) => idleWaits.push(wake));
  }

  const sendAll: Producer["sendAll"] = async (topic, messages, { signal, shard } = {}) => {
    if (closed) throw new RoundhouseError("SHUTTING_DOWN", "The producer is closed; create another one");
    let count = 0;
    const failures: unknown[] = [];
    const failed = (error: unknown): void => void failures.push(error);
    for await (const message of messages) {
      signal?.throwIfAborted();
      if (bufferedBytes >= bufferBytesMax / 2) await room();
      const view = (firsts.has(topic) ? null : routes.known(topic)) ?? (await firstView(topic));
      if (failures.length > 0) break;
      submit(view, message, shard, ignore, failed);
      count++;
    }
    await flush();
    if (failures.length > 0) throw failures[0];
    return count;
  };

  return {
    send,
    room,
    sendAll,
    flush,
    async close() {
      closed = true;
      await flush();
      stop.abort();
    },
  };
}

/** What may pass is tried again; anything unexpected is not. */
export function mayPass(error: unknown): boolean {
  return error instanceof RoundhouseError && error.retryable;
}

function ignore(): void {}

const keyText = (key: string | Uint8Array): string =>
  typeof key === "string" ? key : Buffer.from(key).toString();

function bytesOf(record: NewRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headers ?? []) bytes += key.length + (value?.length ?? 0) + 8;
  return bytes;
}

function bufferFull(bytes: number, max: number): RoundhouseError {
  return new RoundhouseError(
    "FULL",
    `Cannot hold more messages: ${bytes} bytes wait to be acknowledged, and ${max} are allowed (bufferBytesMax); await room()`,
    { retryable: true },
  );
}
