// Producing: a body of messages or of record batches, whole or not at all. Everything is checked before anything is
// appended; each shard's part is one batch, and its offsets follow each other.
import { RoundhouseError } from "../../../errors.ts";
import type { ShardEntry, TopicEntry } from "../../catalog.ts";
import type { Appended } from "../../tablet.ts";
import { shardOfKey } from "../../topic-ring.ts";
import { type ProducerClaim, packMessages } from "../message-batches.ts";
import { type MessageForm, readMessages } from "../message-reader.ts";
import type { MessageTable } from "../message-table.ts";
import { type ProblemCode, problemOf, WireProblem } from "../problem.ts";
import { readBatches } from "../raw-batches.ts";
import type { Answer, WireRequest } from "../service.ts";
import { shardNamed, topicNamed } from "./lookup.ts";
import type { NativeHost } from "./route.ts";

export const BATCH_TYPE = "application/x-kafka-record-batch";
export const LINES_TYPE = "application/x-ndjson";

/** One shard's part of a request. */
interface Part {
  readonly shard: ShardEntry;
  readonly batch: Buffer;
  /** It names its producer. */
  readonly repeatable: boolean;
}

/** By topic: requests that were given a shard by turn. */
const turns = new Map<string, number>();
const TURNS_MAX = 10_000;

/** Null as the shard's name: by each message's key, and those without one to the shards in turn. */
export function produce(
  { node, shards }: NativeHost,
  request: WireRequest,
  topicName: string,
  shardName: string | null,
  expectedOffset: number | undefined,
): Promise<Answer> {
  const topic = topicNamed(node.map(), topicName);
  const shard = shardName === null ? null : shardNamed(topic, shardName);
  if (shard === null && expectedOffset !== undefined)
    throw badRequest("Cannot expect an offset without naming the shard: …/shards/{shard}/records");
  const parts = partsOf(request, topic, shard, node.messageBytesMax, node.nowMs());
  const expected = expectedOffset === undefined ? {} : { expectedOffset };
  const [only] = parts;
  if (only !== undefined && parts.length === 1) {
    const { batch, repeatable } = only;
    const appending = shards.append(only.shard, { batch, trusted: true, ...expected }, repeatable);
    const answered = appending.then((appended) => producedAnswer([appendedText(only.shard, appended)]));
    return expectedOffset === undefined
      ? answered
      : answered.catch((error) => withEnd(shards, only.shard, error));
  }
  if (expectedOffset !== undefined)
    throw badRequest("Cannot expect an offset for more than one record batch");
  return appendAll(shards, parts);
}

/** A caller that expected another end gets to know the real one. */
async function withEnd(
  shards: NativeHost["shards"],
  { tablet, shard }: ShardEntry,
  error: unknown,
): Promise<never> {
  const problem = problemOf(error);
  if (problem.code !== "OFFSET_MISMATCH") throw error;
  const { end } = await shards.call(tablet, { op: "range", shard });
  throw new WireProblem(problem.status, problem.code, problem.message, { ...problem.members, end });
}

function partsOf(
  request: WireRequest,
  topic: TopicEntry,
  shard: ShardEntry | null,
  messageBytesMax: number,
  nowMs: number,
): Part[] {
  const form = formOf(request);
  if (form === "batches") {
    const to = shard ?? inTurn(topic);
    return readBatches(request.body, messageBytesMax).map((batch) => ({
      shard: to,
      batch,
      repeatable: true,
    }));
  }
  const producer = producerOf(request);
  if (producer !== null && shard === null)
    throw badRequest("Cannot number messages without naming the shard: …/shards/{shard}/records");
  const messages = readMessages(request.body, form, messageBytesMax);
  const whole = shard ?? (hasKeys(messages) ? null : inTurn(topic));
  if (whole !== null)
    return [
      { shard: whole, batch: packMessages(messages, null, nowMs, producer), repeatable: producer !== null },
    ];
  return Array.from(byShard(messages, topic), ([to, indexes]) => ({
    shard: to,
    batch: packMessages(messages, indexes, nowMs, null),
    repeatable: false,
  }));
}

function formOf(request: WireRequest): MessageForm | "batches" {
  const type = (request.header("content-type") ?? "application/json").split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/json") return "json";
  if (type === LINES_TYPE) return "lines";
  if (type === BATCH_TYPE) return "batches";
  const detail = `Cannot read a body of type ${type}; application/json, ${LINES_TYPE} and ${BATCH_TYPE} are accepted`;
  throw new WireProblem(415, "UNSUPPORTED_MEDIA_TYPE", detail);
}

/** All messages without a key of one request go to one shard; requests take turns. */
function inTurn(topic: TopicEntry): ShardEntry {
  const { length } = topic.shards;
  if (length === 1) return topic.shards[0] as ShardEntry;
  const turn = (turns.get(topic.name) ?? -1) + 1;
  if (turns.size >= TURNS_MAX) turns.clear();
  turns.set(topic.name, turn % length);
  return topic.shards[turn % length] as ShardEntry;
}

function hasKeys(messages: MessageTable): boolean {
  for (let index = 0; index < messages.count; index++)
    if ((messages.keyStart[index] as number) >= 0) return true;
  return false;
}

function byShard(messages: MessageTable, topic: TopicEntry): Map<ShardEntry, number[]> {
  const parts = new Map<ShardEntry, number[]>();
  let keyless: ShardEntry | null = null;
  for (let index = 0; index < messages.count; index++) {
    const key = messages.keyText(index);
    if (key === null) keyless ??= inTurn(topic);
    const shard = key === null ? (keyless as ShardEntry) : shardOfKey(topic, key);
    const part = parts.get(shard);
    if (part === undefined) parts.set(shard, [index]);
    else part.push(index);
  }
  return parts;
}

function producerOf(request: WireRequest): ProducerClaim | null {
  const id = numberField(request, "producer-id", Number.MAX_SAFE_INTEGER);
  if (id === null) return null;
  const sequence = numberField(request, "producer-sequence", 0x7fff_ffff);
  if (sequence === null) throw badRequest("Cannot take Producer-Id without Producer-Sequence; give both");
  return { id, epoch: numberField(request, "producer-epoch", 0x7fff) ?? 0, sequence };
}

function numberField(request: WireRequest, name: string, max: number): number | null {
  const text = request.header(name);
  if (text === undefined) return null;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= max) return number;
  throw badRequest(`Cannot take ${name} "${text.slice(0, 40)}"; a whole number from 0 to ${max} is accepted`);
}

/** Several batches: each is whole or not there, and where not all could be stored the answer says which were. */
async function appendAll(shards: NativeHost["shards"], parts: readonly Part[]): Promise<Answer> {
  const outcomes = await Promise.allSettled(
    parts.map(({ shard, batch, repeatable }) => shards.append(shard, { batch, trusted: true }, repeatable)),
  );
  const texts: string[] = [];
  let failure: unknown;
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") texts.push(appendedText((parts[i] as Part).shard, outcome.value));
    else failure ??= outcome.reason;
  }
  if (failure === undefined) return producedAnswer(texts);
  const { status, code, message, members } = problemOf(failure);
  if (texts.length === 0) throw failure;
  const detail = `${message} (${texts.length} of ${parts.length} parts were stored: see "appended")`;
  const appended = JSON.parse(`[${texts.join(",")}]`) as unknown;
  throw new WireProblem(status, code satisfies ProblemCode, detail, { ...members, appended });
}

function appendedText(shard: ShardEntry, { baseOffset, count, duplicate }: Appended): string {
  const tail = duplicate ? ',"duplicate":true}' : "}";
  return `{"shard":"${shard.name}","base_offset":${baseOffset},"count":${count}${tail}`;
}

const producedAnswer = (texts: readonly string[]): Answer => ({
  status: 200,
  type: "application/json",
  body: `{"appended":[${texts.join(",")}]}`,
});

const badRequest = (text: string): RoundhouseError =>
  new RoundhouseError("BAD_REQUEST", text, { source: "downstream" });
