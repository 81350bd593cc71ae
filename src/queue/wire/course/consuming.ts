// Consuming as the course project does: one message at a time, from a registration's shard or from its topic's shards in
// turn, skipping those that have none. Where it stands is durable before the message is handed out.
import type { ShardEntry } from "../../catalog.ts";
import { topicOf } from "../../map.ts";
import { recordsOf, type StoredRecord } from "../../records.ts";
import type { ShardRange, Tablet } from "../../tablet.ts";
import type { CourseHost } from "./course-host.ts";
import { messageIn } from "./message-value.ts";
import { type ConsumerRecord, consumerNote, type Registration, registrationIn } from "./registrations.ts";
import { CourseFailure, hasCode } from "./reply.ts";

export interface Consumed {
  readonly message: unknown;
  /** `T1:P1`, where it came from. */
  readonly topic: string;
}

/** `after`: how many messages the client has; the last answer can be asked for again with it. */
export function consumeOne(
  host: CourseHost,
  home: Tablet,
  id: number,
  after: number | undefined,
): Promise<Consumed> {
  const registration = registrationIn<ConsumerRecord>(home, consumerNote(id), `Consumer ${id}`);
  return registration.inTurn(() => take(host, registration, id, after));
}

async function take(
  host: CourseHost,
  registration: Registration<ConsumerRecord>,
  id: number,
  after: number | undefined,
): Promise<Consumed> {
  const { record } = registration;
  const shards = shardsFor(host, record);
  if (after !== undefined && after !== record.taken) return takeAgain(host, shards, record, id, after);
  for (let i = 0; i < shards.length; i++) {
    const index = (record.turn + i) % shards.length;
    const shard = shards[index] as ShardEntry;
    const found = await messageFrom(host, shard, record.places[shard.shard] ?? 0);
    if (found === null) continue;
    await advance(registration, shard, found.offset, index + 1);
    return { message: messageIn(found), topic: `${record.topic}:${shard.name}` };
  }
  throw new CourseFailure(`Empty logs for Comsumer:${id} for Topic:${record.topic}x${record.part ?? "*"}`);
}

/** What could not be written was not taken. */
async function advance(
  { record, save }: Registration<ConsumerRecord>,
  { shard }: ShardEntry,
  offset: number,
  turn: number,
): Promise<void> {
  const { turn: turnBefore, taken, last } = record;
  const placeBefore = record.places[shard];
  record.places[shard] = offset + 1;
  record.turn = turn;
  record.taken++;
  record.last = { shard, offset };
  try {
    await save();
  } catch (error) {
    Object.assign(record, { turn: turnBefore, taken, last });
    if (placeBefore === undefined) delete record.places[shard];
    else record.places[shard] = placeBefore;
    throw error;
  }
}

async function takeAgain(
  host: CourseHost,
  shards: readonly ShardEntry[],
  { topic, last, taken }: ConsumerRecord,
  id: number,
  after: number,
): Promise<Consumed> {
  const shard = shards.find((one) => one.shard === last?.shard);
  if (after !== taken - 1 || last === null || shard === undefined) {
    throw new CourseFailure(`Cannot go on after ${after} messages: consumer ${id} has taken ${taken}`);
  }
  const found = await messageFrom(host, shard, last.offset);
  if (found?.offset === last.offset) return { message: messageIn(found), topic: `${topic}:${shard.name}` };
  throw new CourseFailure(`Message ${last.offset} of ${topic}:${shard.name} is no longer kept`);
}

/** In the order of their creation; none when the topic is gone. */
export function shardsFor({ node }: CourseHost, { topic, part }: ConsumerRecord): readonly ShardEntry[] {
  const shards = topicOf(node.map(), topic)?.shards ?? [];
  return part === null ? shards : shards.filter((shard) => shard.name === part);
}

/** The first message at this offset or behind it, past what retention or damage has taken; null when there is none. */
async function messageFrom(host: CourseHost, shard: ShardEntry, from: number): Promise<StoredRecord | null> {
  let offset = from;
  for (;;) {
    const fetched = await readFrom(host, shard, offset);
    for (const batch of fetched.batches) {
      const record = firstRecord(host, batch, fetched.offset);
      if (record !== null) return record;
    }
    if (fetched.next <= fetched.offset) return null;
    offset = fetched.next;
  }
}

async function readFrom({ shards }: CourseHost, shard: ShardEntry, offset: number) {
  const how = { offset, bytesMax: 1, skipDamaged: true, waitMs: 0 };
  try {
    return { ...(await shards.read(shard, how)), offset };
  } catch (error) {
    if (!hasCode(error, "OFFSET_OUT_OF_RANGE")) throw error;
    const { start } = await shards.call(shard.tablet, { op: "range", shard: shard.shard });
    if (start <= offset) throw error;
    return { ...(await shards.read(shard, { ...how, offset: start })), offset: start };
  }
}

function firstRecord({ node }: CourseHost, batch: Buffer, offset: number): StoredRecord | null {
  try {
    for (const record of recordsOf(batch, offset)) return record;
  } catch (error) {
    node.log.warn({ err: error, offset }, "a stored batch cannot be read, and is passed over");
  }
  return null;
}

/** How many messages it has yet to read. */
export async function sizeFor(host: CourseHost, home: Tablet, id: number): Promise<number> {
  const { record } = registrationIn<ConsumerRecord>(home, consumerNote(id), `Consumer ${id}`);
  const left = shardsFor(host, record).map(async ({ tablet, shard }) => {
    return messagesLeft(await host.shards.call(tablet, { op: "range", shard }), record, shard);
  });
  return (await Promise.all(left)).reduce((sum, one) => sum + one, 0);
}

/** Of this shard, what retention has taken left out. */
export function messagesLeft(
  { start, end }: Pick<ShardRange, "start" | "end">,
  { places }: ConsumerRecord,
  shard: number,
): number {
  return Math.max(0, end - Math.max(start, places[shard] ?? 0));
}
