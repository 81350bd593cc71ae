// Registering producers and consumers, and creating the topics and shards that they name.
import type { TopicEntry } from "../../catalog.ts";
import { shardOfTopic, topicOf } from "../../map.ts";
import type { CourseHost } from "./course-host.ts";
import {
  type ConsumerRecord,
  consumerNote,
  homeOf,
  type ProducerRecord,
  producerNote,
} from "./registrations.ts";
import { CourseFailure, hasCode } from "./reply.ts";

export async function addTopic({ node }: CourseHost, topic: string, part: string): Promise<string> {
  try {
    await node.control({ kind: "addShard", topic, shard: part, createTopic: true });
  } catch (error) {
    throw hasCode(error, "NAME_TAKEN") ? new CourseFailure(`${topic}:${part} already exist`) : error;
  }
  return `Topic:${topic}x${part} created successfully`;
}

/** With a part, what is missing is created. */
export async function registerProducer(
  host: CourseHost,
  topic: string,
  part: string | null,
): Promise<number> {
  const { node } = host;
  const found = topicOf(node.map(), topic);
  if (part === null && found === undefined)
    throw new CourseFailure(`${topic} does not exist thus no partitions are available`);
  if (part !== null && (found === undefined || shardOfTopic(found, part) === undefined)) {
    await node
      .control({ kind: "addShard", topic, shard: part, createTopic: true })
      .catch((error: unknown) => {
        if (!hasCode(error, "NAME_TAKEN")) throw error; // another client was quicker: it is there
      });
  }
  const id = await node.control({ kind: "takeId", series: "producer" });
  const record: ProducerRecord = { topic, part, turn: 0 };
  await keep(host, id, producerNote(id), record);
  return id;
}

/** It reads everything from now on: where its shards end is where it begins. */
export async function registerConsumer(
  host: CourseHost,
  topic: string,
  part: string | null,
): Promise<number> {
  const { node, shards } = host;
  const found = topicOf(node.map(), topic);
  const place = part === null ? topic : `${topic}:${part}`;
  const read = found === undefined ? [] : shardsNamed(found, part);
  if (read.length === 0)
    throw new CourseFailure(`${place} does not exist, thus can not register as consumer`);
  const ends = read.map(async ({ tablet, shard }) => {
    const { end } = await shards.call(tablet, { op: "range", shard });
    return [shard, end] as const;
  });
  const places = Object.fromEntries(await Promise.all(ends));
  const id = await node.control({ kind: "takeId", series: "consumer" });
  const record: ConsumerRecord = { topic, part, places, turn: 0, taken: 0, last: null };
  await keep(host, id, consumerNote(id), record);
  return id;
}

function shardsNamed(topic: TopicEntry, part: string | null) {
  if (part === null) return topic.shards;
  return topic.shards.filter((shard) => shard.name === part);
}

async function keep({ node, shards }: CourseHost, id: number, name: string, record: object): Promise<void> {
  const home = homeOf(id, node.map().tablets.length);
  await shards.call(home, { op: "setNote", name, content: JSON.stringify(record) });
}
