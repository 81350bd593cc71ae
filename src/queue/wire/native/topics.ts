// Topics: made, listed, described, extended and deleted. The control plane makes the changes; ends and sizes come from
// the shards' owners.
import type { z } from "zod";
import type { TopicEntry } from "../../catalog.ts";
import { type MappedBroker, ownerOf } from "../../map.ts";
import type { Retention, ShardRange } from "../../tablet.ts";
import type { Answer } from "../service.ts";
import type { Shards } from "../shards.ts";
import { topicNamed } from "./lookup.ts";
import { jsonAnswer, type NativeHost, noContent } from "./route.ts";
import type { newTopic } from "./schemas.ts";

/** Of a shard that is being deleted. */
const NO_RANGE: ShardRange = { start: 0, end: 0, bytes: 0 };

export async function createTopic(host: NativeHost, asked: z.output<typeof newTopic>): Promise<Answer> {
  const { age_ms: ageMs, bytes_max: bytesMax, count_max: countMax } = asked.retention ?? {};
  const retention: Retention = {
    ...(ageMs === undefined ? {} : { ageMs }),
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(countMax === undefined ? {} : { countMax }),
  };
  const { shards } = asked;
  const names = typeof shards === "number" ? Array.from({ length: shards }, (_, i) => `P${i + 1}`) : shards;
  const topic = await host.node.control({ kind: "createTopic", topic: asked.name, shards: names, retention });
  const answer = await describe(host, topic);
  return jsonAnswer(201, answer, `Location: /v1/topics/${topic.name}\r\n`);
}

export function listTopics({ node }: NativeHost): Answer {
  const topics = node.map().topics.filter((topic) => topic.hidden !== true);
  return jsonAnswer(200, {
    topics: topics.map(({ name, shards }) => ({ name, shards: shards.map((shard) => shard.name) })),
  });
}

export async function describeTopic(host: NativeHost, name: string): Promise<Answer> {
  return jsonAnswer(200, await describe(host, topicNamed(host.node.map(), name)));
}

async function describe({ node, shards }: NativeHost, topic: TopicEntry) {
  const ranges = await rangesOf(shards, topic);
  const map = node.map();
  const described = topic.shards.map(({ name, shard, tablet }) => {
    const { start, end, bytes } = ranges.get(shard) ?? NO_RANGE;
    const { owner = null, epoch = 0 } = map.tablets[tablet] ?? {};
    return { name, owner, address: addressOf(ownerOf(map, tablet)), epoch, start, end, bytes };
  });
  const { ageMs, bytesMax, countMax } = topic.retention;
  return {
    name: topic.name,
    retention: { age_ms: ageMs, bytes_max: bytesMax, count_max: countMax },
    shards: described,
  };
}

/** Brokers listen on loopback: for clients on the same machine. */
const addressOf = (owner: MappedBroker | null): string | null =>
  owner === null || owner.port === 0 ? null : `http://${owner.host}:${owner.port}`;

/** By shard number, one question for each tablet. */
async function rangesOf(shards: Shards, topic: TopicEntry): Promise<Map<number, ShardRange>> {
  const byTablet = new Map<number, number[]>();
  for (const { tablet, shard } of topic.shards)
    byTablet.set(tablet, [...(byTablet.get(tablet) ?? []), shard]);
  const ranges = new Map<number, ShardRange>();
  const questions = Array.from(byTablet, async ([tablet, numbers]) => {
    const answers = await shards.call(tablet, { op: "ranges", shards: numbers });
    for (const [i, range] of answers.entries()) if (range !== null) ranges.set(numbers[i] as number, range);
  });
  await Promise.all(questions);
  return ranges;
}

export async function deleteTopic({ node }: NativeHost, topic: string): Promise<Answer> {
  await node.control({ kind: "deleteTopic", topic });
  return noContent;
}

export async function addShard(host: NativeHost, topic: string, shard: string): Promise<Answer> {
  await host.node.control({ kind: "addShard", topic, shard, createTopic: false });
  return jsonAnswer(201, await describe(host, topicNamed(host.node.map(), topic)));
}

export async function newProducerId({ node }: NativeHost): Promise<Answer> {
  return jsonAnswer(201, {
    producer_id: await node.control({ kind: "takeId", series: "native-producer" }),
    epoch: 0,
  });
}
