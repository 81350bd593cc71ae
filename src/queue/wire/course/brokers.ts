// The brokers as the course project's clients see them: listed, added, removed and tested.
import { randomUUID } from "node:crypto";
import type { QueueMap } from "../../map.ts";
import { packBatch, recordsOf } from "../../records.ts";
import type { CourseHost } from "./course-host.ts";
import { CourseFailure, hasCode } from "./reply.ts";

/** How long it may take until a tablet that is between two owners has one. */
const OWNER_WAIT_MS = 10_000;
/** Stands for every broker where one is removed, so that none may be called so. */
const ALL = "all";

export function brokersByName({ node }: CourseHost): Record<string, unknown> {
  const { brokers, tablets } = node.map();
  return Object.fromEntries(
    brokers.map(({ name, phase, host, port }) => {
      const owned = tablets.filter((tablet) => tablet.owner === name).length;
      return [name, { phase, host, port, tablets: owned }];
    }),
  );
}

/** Each shard with its owner; waits for those that have none. As JSON text: an object's keys would change their order. */
export async function topicsWithOwners({ node }: CourseHost): Promise<string> {
  const map = await node.mapWhere((latest) => (isServed(latest) ? latest : undefined), OWNER_WAIT_MS);
  const topics = map.topics.filter((topic) => topic.hidden !== true);
  const members = topics.map(({ name, shards }) => {
    const owners = shards.map((shard) => `"${shard.name}":"${map.tablets[shard.tablet]?.owner ?? ""}"`);
    return `"${name}":{${owners.join(",")}}`;
  });
  return `{${members.join(",")}}`;
}

const isServed = ({ topics, tablets }: QueueMap): boolean =>
  topics.every((topic) => topic.shards.every(({ tablet }) => (tablets[tablet]?.owner ?? null) !== null));

export async function addBroker({ node }: CourseHost, broker: string): Promise<string> {
  if (broker === ALL) {
    throw new CourseFailure(
      `Cannot add a broker named "${ALL}": /brokers/rm takes it for every broker; use another name`,
    );
  }
  try {
    await node.control({ kind: "addBroker", broker });
  } catch (error) {
    throw hasCode(error, "NAME_TAKEN") ? new CourseFailure(`${broker} already exist`) : error;
  }
  return `successfully added ${broker}`;
}

/** {@link ALL}: every broker. */
export async function removeBroker({ node }: CourseHost, name: string): Promise<string> {
  const broker = name === ALL ? null : name;
  try {
    // Also when it is this broker itself: the answer comes before the order to end.
    await node.control({ kind: "removeBroker", broker });
  } catch (error) {
    throw hasCode(error, "NOT_FOUND") ? new CourseFailure(`${name} does not exist`) : error;
  }
  return broker === null ? "Removed all brokers" : `Removed ${broker}`;
}

const TEST_MESSAGES = ["first", "second", "third"];

/** Creates a scratch shard on that broker, writes to it, reads it and deletes it again. */
export async function testBroker(host: CourseHost, broker: string): Promise<string> {
  const { node } = host;
  const map = node.map();
  if (!map.brokers.some((one) => one.name === broker)) throw new CourseFailure(`${broker} does not exist`);
  const tablet = map.tablets.findIndex((one) => one.owner === broker);
  if (tablet < 0) throw new CourseFailure(`${broker} owns no tablet, so that nothing can be stored on it`);
  const topic = `scratch-${randomUUID()}`;
  await node.control({ kind: "createTopic", topic, shards: ["P1"], retention: {}, hidden: true, tablet });
  try {
    return await writeAndRead(host, broker, topic);
  } finally {
    await node.control({ kind: "deleteTopic", topic });
  }
}

async function writeAndRead({ node, shards }: CourseHost, broker: string, topic: string): Promise<string> {
  const shard = node.map().topics.find((one) => one.name === topic)?.shards[0];
  if (shard === undefined) throw new CourseFailure(`${broker}: the scratch shard is not on the map`);
  for (const text of TEST_MESSAGES) {
    const batch = packBatch([{ value: Buffer.from(text) }], { timestampMs: node.nowMs() });
    await shards.append(shard, { batch, trusted: true }, false);
  }
  const read = { offset: 0, bytesMax: 64 * 1024, skipDamaged: false, waitMs: 0 };
  const { batches } = await shards.read(shard, read);
  const found = batches.flatMap((batch) => Array.from(recordsOf(batch), (record) => String(record.value)));
  if (found.join() !== TEST_MESSAGES.join())
    throw new CourseFailure(`${broker}: wrote ${TEST_MESSAGES.join(", ")} and read ${found.join(", ")}`);
  const count = TEST_MESSAGES.length;
  return `${broker}: created a shard, wrote ${count} messages, read ${count} in their order. All test cases are passed`;
}
