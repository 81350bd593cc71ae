// Producing as the course project does: one message to a registration's shard, or to its topic's shards in turn.
import type { ShardEntry, TopicEntry } from "../../catalog.ts";
import { shardOfTopic, topicOf } from "../../map.ts";
import { packBatch } from "../../records.ts";
import type { Tablet } from "../../tablet.ts";
import type { CourseHost } from "./course-host.ts";
import { recordOf } from "./message-value.ts";
import {
  type NumberedPlace,
  type NumberedRecord,
  type ProducerRecord,
  producerNote,
  type Registration,
  registrationIn,
} from "./registrations.ts";
import { CourseFailure, hasCode } from "./reply.ts";

/** Apart from the ids of native producers, which count from 0 too. */
const PRODUCER_ID_BASE = 2 ** 40;
/** Numbers that a repeated message may have. */
const REMEMBERED = 32;
const SEQUENCE_MAX = 0x7fff_ffff;

export async function produceOne(
  host: CourseHost,
  home: Tablet,
  id: number,
  message: unknown,
  sequence: number | undefined,
): Promise<string> {
  const registration = registrationIn<ProducerRecord>(home, producerNote(id), `Producer ${id}`);
  const place =
    sequence === undefined
      ? await append(host, registration, message)
      : await registration.inTurn(() => appendNumbered(host, registration, id, message, sequence));
  return `${registration.record.topic}x${place}:Success`;
}

/** The pointer is durable before the message is: a crash between the two costs a turn, and no message. */
async function append(host: CourseHost, registration: Registration<ProducerRecord>, message: unknown) {
  const { record } = registration;
  const topic = topicFor(host, record);
  const batch = packOne(host, message, undefined);
  let shard: ShardEntry;
  if (record.part !== null) shard = partFor(topic, record.part);
  else {
    shard = nextInTurn(topic, record);
    await registration.save();
  }
  await host.shards.append(shard, { batch, trusted: true }, false);
  return shard.name;
}

/** The place that a number gets is durable before its message is, so that a repetition goes there again. */
async function appendNumbered(
  host: CourseHost,
  registration: Registration<ProducerRecord>,
  id: number,
  message: unknown,
  sequence: number,
): Promise<string> {
  const { record } = registration;
  const topic = topicFor(host, record);
  record.numbered ??= { shards: {}, sent: [] };
  const known = record.numbered.sent.find((one) => one.sequence === sequence);
  if (known?.done === true) return known.shard;
  const place = known ?? newPlace(topic, record, record.numbered, sequence);
  const shard = topic.shards.find((one) => one.shard === place.number);
  if (shard === undefined) throw new CourseFailure(`${topic.name}:${place.shard} does not exist any more`);
  if (known === undefined) await registration.save();
  const producer = { id: PRODUCER_ID_BASE + id, epoch: place.epoch, sequence: place.at };
  try {
    await host.shards.append(shard, { batch: packOne(host, message, producer), trusted: true }, true);
  } catch (error) {
    if (!hasCode(error, "SEQUENCE_GAP") || known !== undefined) throw error;
    // The client has given up the message before this one, which never was stored: begin a new count without it.
    beginAnew(record.numbered, place);
    await registration.save();
    const anew = { id: PRODUCER_ID_BASE + id, epoch: place.epoch, sequence: place.at };
    await host.shards.append(shard, { batch: packOne(host, message, anew), trusted: true }, true);
  }
  place.done = true;
  return shard.name;
}

function newPlace(
  topic: TopicEntry,
  record: ProducerRecord,
  numbered: NumberedRecord,
  sequence: number,
): NumberedPlace {
  const shard = record.part === null ? nextInTurn(topic, record) : partFor(topic, record.part);
  const count = numbered.shards[shard.shard] ?? { epoch: 0, next: 0 };
  const place: NumberedPlace = {
    sequence,
    shard: shard.name,
    number: shard.shard,
    epoch: count.epoch,
    at: count.next,
  };
  numbered.shards[shard.shard] = {
    epoch: count.epoch,
    next: count.next === SEQUENCE_MAX ? 0 : count.next + 1,
  };
  numbered.sent.push(place);
  if (numbered.sent.length > REMEMBERED) numbered.sent.shift();
  return place;
}

function beginAnew(numbered: NumberedRecord, place: NumberedPlace): void {
  place.epoch++;
  place.at = 0;
  numbered.shards[place.number] = { epoch: place.epoch, next: 1 };
}

/** A place and no count: a shard that is created meanwhile gets its turn after those before it, and none comes twice. */
function nextInTurn(topic: TopicEntry, record: ProducerRecord): ShardEntry {
  const index = record.turn % topic.shards.length;
  record.turn = index + 1;
  return topic.shards[index] as ShardEntry;
}

function topicFor(host: CourseHost, { topic }: ProducerRecord): TopicEntry {
  const found = topicOf(host.node.map(), topic);
  if (found !== undefined) return found;
  throw new CourseFailure(`${topic} does not exist any more`);
}

function partFor(topic: TopicEntry, part: string): ShardEntry {
  const found = shardOfTopic(topic, part);
  if (found !== undefined) return found;
  throw new CourseFailure(`${topic.name}:${part} does not exist any more`);
}

function packOne(
  { node }: CourseHost,
  message: unknown,
  producer: { id: number; epoch: number; sequence: number } | undefined,
): Buffer {
  if (message === undefined) throw new CourseFailure('Cannot produce: the field "message" is missing');
  const record = recordOf(message);
  if (record.value.length > node.messageBytesMax) {
    const limit = `at most ${node.messageBytesMax} are accepted`;
    throw new CourseFailure(`Cannot produce a message of ${record.value.length} bytes; ${limit}`);
  }
  const options = { timestampMs: node.nowMs(), ...(producer === undefined ? {} : { producer }) };
  return packBatch([record], options);
}
