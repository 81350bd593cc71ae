// Reading one shard from an offset or a time on: as one JSON document, as lines of JSON, or as the record batches that
// are stored. The batches may begin before the offset: their reader passes over the first messages.
import type { z } from "zod";
import type { ShardEntry } from "../../catalog.ts";
import { joined } from "../../reused-memory.ts";
import type { Fetched } from "../../tablet.ts";
import { messageTexts } from "../message-writer.ts";
import { WireProblem } from "../problem.ts";
import type { Answer, WireRequest } from "../service.ts";
import { shardNamed, topicNamed } from "./lookup.ts";
import { BATCH_TYPE, LINES_TYPE } from "./produce.ts";
import type { NativeHost } from "./route.ts";
import type { fetchQuery } from "./schemas.ts";

type Query = z.output<typeof fetchQuery>;

/** A guess, so that a read of few messages does not read many. */
export const BYTES_PER_MESSAGE = 4096;
/** A read from the oldest message meets retention at work so often before it is given up. */
const BEGINNING_TRIES = 4;

export async function fetchRecords(
  host: NativeHost,
  request: WireRequest,
  topicName: string,
  shardName: string,
  query: Query,
): Promise<Answer> {
  const shard = shardNamed(topicNamed(host.node.map(), topicName), shardName);
  const form = answerForm(request);
  const { offset, fetched } = await readFromBeginning(host, shard, query, form === "batches", request);
  if (form === "batches") return batchesAnswer(fetched);
  const { texts, next, damaged } = messageTexts(
    fetched,
    offset,
    query.max_messages,
    query.binary === "base64",
    query.skip_damaged,
  );
  if (form === "lines")
    return { status: 200, type: LINES_TYPE, body: lines(texts), fields: numbers(fetched, next) };
  const gaps = damaged.map(({ from, to, reason }) => ({ from, to, reason }));
  const skipped = gaps.length === 0 ? "" : `,"damaged":${JSON.stringify(gaps)}`;
  return {
    status: 200,
    type: "application/json",
    body:
      `{"topic":"${topicName}","shard":"${shardName}","start":${fetched.start},"end":${fetched.end},` +
      `"next":${next},"messages":[${texts.join(",")}]${skipped}}`,
  };
}

/** Where a reader that names no offset begins may be gone when it reads there: retention moves on. Then once more. */
async function readFromBeginning(
  host: NativeHost,
  shard: ShardEntry,
  query: Query,
  wholeBatches: boolean,
  request: WireRequest,
): Promise<{ offset: number; fetched: Fetched }> {
  for (let tries = 1; ; tries++) {
    const offset = await beginning(host, shard, query);
    try {
      return { offset, fetched: await readShard(host, shard, offset, query, wholeBatches, request) };
    } catch (error) {
      const moved =
        query.offset === undefined && (error as { code?: unknown }).code === "OFFSET_OUT_OF_RANGE";
      if (!moved || tries === BEGINNING_TRIES) throw error;
    }
  }
}

/** An offset out of range is refused with the range that is there. */
async function readShard(
  { shards }: NativeHost,
  shard: ShardEntry,
  offset: number,
  query: Pick<Query, "max_bytes" | "max_messages" | "skip_damaged" | "wait_ms">,
  wholeBatches: boolean,
  request: WireRequest,
): Promise<Fetched> {
  const guess = wholeBatches ? query.max_bytes : query.max_messages * BYTES_PER_MESSAGE;
  const how = {
    offset,
    bytesMax: Math.min(query.max_bytes, guess),
    messagesMax: wholeBatches ? undefined : query.max_messages,
    skipDamaged: query.skip_damaged,
    waitMs: query.wait_ms,
    signal: query.wait_ms > 0 ? () => request.signal() : undefined,
  };
  try {
    return await shards.read(shard, how);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "OFFSET_OUT_OF_RANGE") throw error;
    const { start, end } = await shards.call(shard.tablet, { op: "range", shard: shard.shard });
    const detail = `Cannot read shard "${shard.name}" from offset ${offset}: ${start} to ${end} are there`;
    throw new WireProblem(400, "OFFSET_OUT_OF_RANGE", `${detail} (${end} waits for the next message)`, {
      start,
      end,
    });
  }
}

async function beginning(
  { shards }: NativeHost,
  shard: ShardEntry,
  { offset, time }: Query,
): Promise<number> {
  if (offset !== undefined && time !== undefined)
    throw new WireProblem(400, "BAD_REQUEST", "Cannot read from an offset and from a time; give one of them");
  if (offset !== undefined) return offset;
  if (time !== undefined)
    return shards.call(shard.tablet, { op: "offsetAt", shard: shard.shard, timestampMs: time });
  return (await shards.call(shard.tablet, { op: "range", shard: shard.shard })).start;
}

/** By the Accept field: the first type in it that is known; weights are not compared. */
export function answerForm(request: WireRequest): "json" | "lines" | "batches" {
  const accept = request.header("accept");
  if (accept === undefined || accept === "" || accept === "*/*") return "json";
  for (const part of accept.toLowerCase().split(",")) {
    const type = part.split(";", 1)[0]?.trim() ?? "";
    if (type === "application/json" || type === "*/*" || type === "application/*") return "json";
    if (type === LINES_TYPE) return "lines";
    if (type === BATCH_TYPE) return "batches";
  }
  const detail = `Cannot answer as ${accept.slice(0, 100)}; application/json, ${LINES_TYPE} and ${BATCH_TYPE} are offered`;
  throw new WireProblem(406, "NOT_ACCEPTABLE", detail);
}

function batchesAnswer(fetched: Fetched): Answer {
  const fields = numbers(fetched, fetched.next);
  return { status: 200, type: BATCH_TYPE, body: joined(fetched.batches), fields, isBodyReusable: true };
}

const numbers = ({ start, end }: Fetched, next: number): string =>
  `Start-Offset: ${start}\r\nEnd-Offset: ${end}\r\nNext-Offset: ${next}\r\n`;

const lines = (texts: readonly string[]): string => (texts.length === 0 ? "" : `${texts.join("\n")}\n`);
