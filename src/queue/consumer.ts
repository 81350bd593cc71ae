// A consumer: a name with its own durable place in each shard of a topic. Two names never disturb each other; two
// consumers of one name in one process would share their places, and are the application's mistake.
//
// Delivery is at least once: what has been handed out is only behind the consumer when it is committed.
import { RoundhouseError } from "../errors.ts";
import type { ShardEntry, TopicEntry } from "./catalog.ts";
import { type Message, toMessage } from "./message.ts";
import { recordsOf } from "./records.ts";
import type { Damage } from "./tablet.ts";
import type { Tablets } from "./tablets.ts";

/** Where to stand in every shard. */
export type Place =
  | "beginning"
  | "end"
  /** The first message of that time or later, ms since the Unix epoch. */
  | { readonly timestampMs: number }
  /** One shard by name; the others stay. */
  | { readonly shard: string; readonly offset: number };

export interface ConsumerOptions {
  /** Where a new consumer begins; one that is known goes on where it was. Default `beginning`. */
  readonly from?: "beginning" | "end";
  /** Pass over damaged batches and tell of them, instead of failing. Default: fail. */
  readonly onDamaged?: (damage: Damage) => void;
}

export interface PollOptions {
  /** Most messages to hand out; default 500. */
  readonly messagesMax?: number;
  /** How long to wait for the first one; default 0: what is there now is read, and no other is waited for. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface Consumer extends AsyncIterable<Message> {
  readonly topic: string;
  readonly name: string;
  /** The next messages, shard by shard in turn; none when there are none within `waitMs`. */
  poll(options?: PollOptions): Promise<readonly Message[]>;
  /** Makes it durable that everything handed out so far is done with; or only up to and including this message. */
  commit(upTo?: Message): Promise<void>;
  /** Moves, durably. Handed-out messages that were not committed come again or never, as the place says. */
  seek(place: Place): Promise<void>;
  /** How many messages are still to be handed out. */
  lag(): Promise<number>;
  /** Endless: waits for new messages, and commits each as the next one is asked for. Ends by `break`. */
  [Symbol.asyncIterator](): AsyncIterator<Message>;
}

export interface AppendWait {
  readonly over: Promise<void>;
  /** Must be called in the end; harmless afterwards. */
  cancel(): void;
}

/** What a consumer needs of its queue. */
export interface ConsumerHost {
  readonly tablets: Tablets;
  /** The topic as it is now; throws NOT_FOUND when it is gone. */
  topic(name: string): TopicEntry;
  /** `over` resolves when something is appended to one of the shards, the time is over, or the signal aborts. */
  awaitAppend(shards: readonly number[], waitMs: number, signal?: AbortSignal): AppendWait;
}

const MESSAGES_MAX = 500;
const ITERATOR_WAIT_MS = 30_000;
const READ_BYTES_MAX = 1024 * 1024;
/** A guess, so that a poll for few messages does not read many. */
const READ_BYTES_PER_MESSAGE = 4096;

/** Opens a consumer; `from` is made durable at once for shards that it has not seen. */
export async function openConsumer(
  host: ConsumerHost,
  topicName: string,
  name: string,
  { from = "beginning", onDamaged }: ConsumerOptions,
): Promise<Consumer> {
  /** Where to read on, by shard: ahead of what is committed by what has been handed out. */
  const next = new Map<number, number>();
  let turn = 0;

  async function placeIn(shard: ShardEntry, fresh: "beginning" | "end"): Promise<number> {
    const known = next.get(shard.shard);
    if (known !== undefined) return known;
    const tablet = await host.tablets.get(shard.tablet);
    let offset = tablet.position(shard.shard, name);
    if (offset === null) {
      const range = tablet.range(shard.shard);
      offset = (fresh === "end" ? range?.end : range?.start) ?? 0;
      await tablet.setPosition(shard.shard, name, offset);
    }
    next.set(shard.shard, offset);
    return offset;
  }

  async function readShard(topic: TopicEntry, shard: ShardEntry, messagesMax: number): Promise<Message[]> {
    const tablet = await host.tablets.get(shard.tablet);
    // Shards that were added after the consumer began are read from their beginning: nothing is missed.
    const stands = await placeIn(shard, "beginning");
    // Retention may have overtaken a slow consumer: what is gone is gone, and it goes on with the oldest.
    const from = Math.max(stands, tablet.range(shard.shard)?.start ?? 0);
    const bytesMax = Math.min(READ_BYTES_MAX, messagesMax * READ_BYTES_PER_MESSAGE);
    const fetched = await tablet.read(shard.shard, from, { skipDamaged: onDamaged !== undefined, bytesMax });
    for (const damage of fetched.damaged) onDamaged?.(damage);
    const messages: Message[] = [];
    for (const batch of fetched.batches) {
      for (const record of recordsOf(batch, from)) {
        if (messages.length >= messagesMax) return advance(shard, messages);
        messages.push(toMessage(topic.name, shard.name, record));
      }
    }
    next.set(shard.shard, fetched.next);
    return messages;
  }

  function advance(shard: ShardEntry, messages: Message[]): Message[] {
    const last = messages.at(-1);
    if (last !== undefined) next.set(shard.shard, last.offset + 1);
    return messages;
  }

  async function readInTurn(messagesMax: number): Promise<Message[]> {
    const topic = host.topic(topicName);
    const messages: Message[] = [];
    for (let i = 0; i < topic.shards.length && messages.length < messagesMax; i++) {
      const shard = topic.shards[turn++ % topic.shards.length] as ShardEntry;
      messages.push(...(await readShard(topic, shard, messagesMax - messages.length)));
    }
    return messages;
  }

  async function poll({ messagesMax = MESSAGES_MAX, waitMs = 0, signal }: PollOptions = {}) {
    const untilMs = performance.now() + waitMs;
    for (;;) {
      signal?.throwIfAborted();
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) return readInTurn(messagesMax);
      // The wait begins before the read, so that what is appended in between is not slept through.
      const shards = host.topic(topicName).shards.map((shard) => shard.shard);
      const wait = host.awaitAppend(shards, leftMs, signal);
      try {
        const messages = await readInTurn(messagesMax);
        if (messages.length > 0) return messages;
        await wait.over;
      } finally {
        wait.cancel();
      }
    }
  }

  async function commit(upTo?: Message): Promise<void> {
    const shards = host.topic(topicName).shards;
    const places =
      upTo === undefined ? [...next] : [[shardNamed(shards, upTo.shard).shard, upTo.offset + 1] as const];
    const writes = places.map(async ([number, offset]) => {
      const shard = shards.find((one) => one.shard === number);
      if (shard === undefined) return;
      const tablet = await host.tablets.get(shard.tablet);
      if (tablet.position(number, name) !== offset) await tablet.setPosition(number, name, offset);
    });
    await Promise.all(writes);
  }

  async function seek(place: Place): Promise<void> {
    const { shards } = host.topic(topicName);
    const moved = typeof place === "object" && "shard" in place ? [shardNamed(shards, place.shard)] : shards;
    const writes = moved.map(async (shard) => {
      const tablet = await host.tablets.get(shard.tablet);
      const range = tablet.range(shard.shard) ?? { start: 0, end: 0 };
      let offset = range.start;
      if (place === "end") offset = range.end;
      else if (typeof place === "object" && "offset" in place) offset = inRange(place.offset, shard, range);
      else if (typeof place === "object") offset = await tablet.offsetAt(shard.shard, place.timestampMs);
      await tablet.setPosition(shard.shard, name, offset);
      next.set(shard.shard, offset);
    });
    await Promise.all(writes);
  }

  async function lag(): Promise<number> {
    let total = 0;
    for (const shard of host.topic(topicName).shards) {
      const tablet = await host.tablets.get(shard.tablet);
      const { start, end } = tablet.range(shard.shard) ?? { start: 0, end: 0 };
      total += end - Math.max(start, await placeIn(shard, "beginning"));
    }
    return total;
  }

  async function* iterate(): AsyncIterator<Message> {
    for (;;) {
      const messages = await poll({ waitMs: ITERATOR_WAIT_MS });
      let handedOut = 0;
      try {
        for (const message of messages) {
          handedOut++;
          yield message;
          // Asked for the next one: this one is done with. Made durable at each change of shard, and at the end.
          if (messages[handedOut]?.shard !== message.shard) await commit(message);
        }
        handedOut++;
      } finally {
        await giveBack(messages, handedOut);
      }
    }
  }

  /** The iteration ended early: the message that it ended with is not done with, those after it never came. */
  async function giveBack(messages: readonly Message[], handedOut: number): Promise<void> {
    if (handedOut > messages.length) return;
    const { shards } = host.topic(topicName);
    for (const message of messages.slice(handedOut).reverse()) {
      next.set(shardNamed(shards, message.shard).shard, message.offset);
    }
    const last = messages[handedOut - 1];
    const done = messages[handedOut - 2];
    if (done !== undefined && done.shard === last?.shard) await commit(done);
  }

  await Promise.all(host.topic(topicName).shards.map((shard) => placeIn(shard, from)));
  return { topic: topicName, name, poll, commit, seek, lag, [Symbol.asyncIterator]: iterate };
}

function shardNamed(shards: readonly ShardEntry[], name: string): ShardEntry {
  const found = shards.find((shard) => shard.name === name);
  if (found !== undefined) return found;
  const names = shards.map((shard) => shard.name).join(", ");
  throw new RoundhouseError("NOT_FOUND", `Cannot find shard "${name}": the topic has ${names}`);
}

function inRange(offset: number, shard: ShardEntry, { start, end }: { start: number; end: number }): number {
  if (offset >= start && offset <= end) return offset;
  const text = `Cannot move to offset ${offset} of shard ${shard.name}: ${start} to ${end} are there`;
  throw new RoundhouseError("OFFSET_OUT_OF_RANGE", text, { source: "downstream" });
}
