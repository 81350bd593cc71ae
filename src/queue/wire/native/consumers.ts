// Consumers of the native API: a name with its own durable place in each shard of a topic. Nothing is kept for them but
// those places: what was read is behind a consumer only when it says so (commit), and two readers of one name share it.
//
// A consumer exists when it has a place in the topic's first shard: that one is written last and removed first.
import type { z } from "zod";
import { RoundhouseError } from "../../../errors.ts";
import type { ShardEntry, TopicEntry } from "../../catalog.ts";
import { messageTexts } from "../message-writer.ts";
import { WireProblem } from "../problem.ts";
import type { Answer, WireRequest } from "../service.ts";
import type { ReadFrom } from "../shard-read.ts";
import { BYTES_PER_MESSAGE } from "./fetch.ts";
import { shardNamed, topicNamed } from "./lookup.ts";
import { jsonAnswer, type NativeHost, noContent } from "./route.ts";
import type { commit, consumeQuery, newConsumer, seek } from "./schemas.ts";

const firstShard = (topic: TopicEntry): ShardEntry => topic.shards[0] as ShardEntry;

const rangeIn = ({ shards }: NativeHost, { tablet, shard }: ShardEntry) =>
  shards.call(tablet, { op: "range", shard });

const placeIn = ({ shards }: NativeHost, { tablet, shard }: ShardEntry, consumer: string) =>
  shards.call(tablet, { op: "position", shard, consumer });

const move = ({ shards }: NativeHost, { tablet, shard }: ShardEntry, consumer: string, offset: number) =>
  shards.call(tablet, { op: "setPosition", shard, consumer, offset });

export async function createConsumer(
  host: NativeHost,
  topicName: string,
  { name, from }: z.output<typeof newConsumer>,
): Promise<Answer> {
  const topic = topicNamed(host.node.map(), topicName);
  if ((await placeIn(host, firstShard(topic), name)) !== null) {
    const text = `Cannot create consumer "${name}" of topic "${topicName}": it exists, and goes on where it was`;
    throw new RoundhouseError("NAME_TAKEN", text, { source: "downstream" });
  }
  const settle = async (shard: ShardEntry) => {
    const range = await rangeIn(host, shard);
    await move(host, shard, name, from === "end" ? range.end : range.start);
  };
  await Promise.all(topic.shards.slice(1).map(settle));
  await settle(firstShard(topic));
  return jsonAnswer(201, await describe(host, topic, name));
}

export async function listConsumers({ node, shards }: NativeHost, topicName: string): Promise<Answer> {
  const { tablet, shard } = firstShard(topicNamed(node.map(), topicName));
  const found = await shards.call(tablet, { op: "positions", shard });
  return jsonAnswer(200, { consumers: found.map(([name]) => name) });
}

export async function describeConsumer(host: NativeHost, topicName: string, name: string): Promise<Answer> {
  const topic = topicNamed(host.node.map(), topicName);
  await existing(host, topic, name);
  return jsonAnswer(200, await describe(host, topic, name));
}

async function describe(host: NativeHost, topic: TopicEntry, name: string) {
  const places = topic.shards.map(async (shard) => {
    const [{ start, end }, place] = await Promise.all([rangeIn(host, shard), placeIn(host, shard, name)]);
    const offset = Math.max(start, place ?? 0);
    return { shard: shard.name, offset, start, end, lag: Math.max(0, end - offset) };
  });
  const shards = await Promise.all(places);
  return { topic: topic.name, name, lag: shards.reduce((sum, { lag }) => sum + lag, 0), shards };
}

/** Throws NOT_FOUND. */
async function existing(host: NativeHost, topic: TopicEntry, name: string): Promise<void> {
  if ((await placeIn(host, firstShard(topic), name)) !== null) return;
  const text = `Cannot find consumer "${name.slice(0, 250)}" of topic "${topic.name}": create it first`;
  throw new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
}

export async function deleteConsumer(host: NativeHost, topicName: string, name: string): Promise<Answer> {
  const topic = topicNamed(host.node.map(), topicName);
  await existing(host, topic, name);
  const leave = ({ tablet, shard }: ShardEntry) =>
    host.shards.call(tablet, { op: "removePosition", shard, consumer: name });
  await leave(firstShard(topic));
  await Promise.all(topic.shards.slice(1).map(leave));
  return noContent;
}

export async function commitOffsets(
  host: NativeHost,
  topicName: string,
  name: string,
  { offsets }: z.output<typeof commit>,
): Promise<Answer> {
  const topic = topicNamed(host.node.map(), topicName);
  await existing(host, topic, name);
  const moves = Object.entries(offsets).map(([shardName, offset]) => ({
    shard: shardNamed(topic, shardName),
    offset,
  }));
  await Promise.all(
    moves.map(async ({ shard, offset }) => inRange(offset, shard, await rangeIn(host, shard))),
  );
  await Promise.all(moves.map(({ shard, offset }) => move(host, shard, name, offset)));
  return noContent;
}

export async function seekConsumer(
  host: NativeHost,
  topicName: string,
  name: string,
  to: z.output<typeof seek>,
): Promise<Answer> {
  const topic = topicNamed(host.node.map(), topicName);
  await existing(host, topic, name);
  const moved = to.shard === undefined ? topic.shards : [shardNamed(topic, to.shard)];
  const target = async (shard: ShardEntry): Promise<number> => {
    if ("time" in to)
      return host.shards.call(shard.tablet, { op: "offsetAt", shard: shard.shard, timestampMs: to.time });
    const range = await rangeIn(host, shard);
    if ("to" in to) return to.to === "end" ? range.end : range.start;
    return inRange(to.offset, shard, range);
  };
  const targets = await Promise.all(moved.map(async (shard) => ({ shard, offset: await target(shard) })));
  await Promise.all(targets.map(({ shard, offset }) => move(host, shard, name, offset)));
  return jsonAnswer(200, await describe(host, topic, name));
}

function inRange(offset: number, shard: ShardEntry, { start, end }: { start: number; end: number }): number {
  if (offset >= start && offset <= end) return offset;
  const detail = `Cannot move to offset ${offset} of shard "${shard.name}": ${start} to ${end} are there`;
  throw new WireProblem(400, "OFFSET_OUT_OF_RANGE", detail, { shard: shard.name, start, end });
}

let turn = 0;

/** The next messages of every shard, from where the consumer stands; nothing is committed by it. */
export async function consume(
  host: NativeHost,
  request: WireRequest,
  topicName: string,
  name: string,
  query: z.output<typeof consumeQuery>,
): Promise<Answer> {
  const topic = topicNamed(host.node.map(), topicName);
  await existing(host, topic, name);
  const now = await readAll(host, topic, name, query);
  if (now.length > 0 || query.wait_ms === 0) return consumedAnswer(topic, name, now);
  await anyMessage(host, request, topic, name, query);
  return consumedAnswer(topic, name, await readAll(host, topic, name, query));
}

/** Each shard's next messages as JSON text; shards without any are left out. They take turns at being first. */
async function readAll(
  { shards }: NativeHost,
  topic: TopicEntry,
  name: string,
  query: z.output<typeof consumeQuery>,
): Promise<string[]> {
  const { length } = topic.shards;
  const { max_messages, max_bytes, skip_damaged: skipDamaged } = query;
  const bytesMax = Math.min(Math.ceil(max_bytes / length), max_messages * BYTES_PER_MESSAGE);
  const how = { offset: name, bytesMax, messagesMax: max_messages, skipDamaged, waitMs: 0 };
  const reads = await Promise.all(topic.shards.map((shard) => shards.read(shard, how)));
  const found: string[] = [];
  const first = turn++ % length;
  let left = max_messages;
  for (let i = 0; i < length && left > 0; i++) {
    const index = (first + i) % length;
    const read = reads[index] as ReadFrom;
    const share = Math.ceil(left / (length - i));
    const { texts, next } = messageTexts(read, read.from, share, query.binary === "base64", skipDamaged);
    left -= texts.length;
    if (next === read.from) continue;
    const shard = topic.shards[index]?.name;
    found.push(`{"shard":"${shard}","next":${next},"messages":[${texts.join(",")}]}`);
  }
  return found;
}

/** Resolves when one of the shards has a message for the consumer, or its time is over. */
async function anyMessage(
  host: NativeHost,
  request: WireRequest,
  topic: TopicEntry,
  name: string,
  query: z.output<typeof consumeQuery>,
): Promise<void> {
  const others = new AbortController();
  const signal = AbortSignal.any([request.signal(), others.signal]);
  const how = {
    offset: name,
    bytesMax: 1,
    skipDamaged: query.skip_damaged,
    waitMs: query.wait_ms,
    signal: () => signal,
  };
  const waits = topic.shards.map((shard) => host.shards.read(shard, how));
  await Promise.race(waits).finally(() => others.abort());
  await Promise.allSettled(waits);
}

function consumedAnswer(topic: TopicEntry, name: string, shards: readonly string[]): Answer {
  const body = `{"topic":"${topic.name}","consumer":${JSON.stringify(name)},"shards":[${shards.join(",")}]}`;
  return { status: 200, type: "application/json", body };
}
