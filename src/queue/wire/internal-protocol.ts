// How brokers speak to each other on the same listener: paths below /internal, which no front door forwards. One side
// is shards.ts, the other internal-api.ts.
//
//   POST /internal/append                              framed record batches     → JSON, an outcome for each
//   GET  /internal/read?tablet=&shard=&offset=&…       record batches            ← Fetched, numbers in a header field
//   POST /internal/call                                JSON {tablet, call}       → JSON of the call's result
//
// A broker that does not serve the tablet answers 421 NOT_OWNER and has done nothing.
import { readInt64, writeInt64 } from "../int64.ts";
import { batchesIn } from "../record-batch.ts";
import { joined } from "../reused-memory.ts";
import type { Append, Appended, Damage } from "../tablet.ts";
import type { PeerAnswer } from "./peer-client.ts";
import { type ProblemCode, WireProblem } from "./problem.ts";
import type { Answer } from "./service.ts";
import type { ReadFrom } from "./shard-read.ts";

export const INTERNAL_PREFIX = "/internal/";
export const APPEND_TARGET = "/internal/append";
export const READ_PATH = "/internal/read";
export const CALL_TARGET = "/internal/call";

/** Marks a public request that another broker hands on: it is served where it arrives, or refused. */
export const HANDED_ON = "roundhouse-handed-on";

const FETCHED = "roundhouse-fetched";

interface ReadQuery {
  readonly offset: number | string;
  readonly bytesMax: number;
  readonly messagesMax?: number | undefined;
  readonly skipDamaged: boolean;
  readonly waitMs: number;
}

/** Before each record batch: tablet u32 · shard u32 · expected offset i64 (−1: none) · length u32. */
export const FRAME_BYTES = 20;

/** What became of one append: as the tablet says, or a problem document. */
export type AppendOutcome =
  | { readonly appended: Appended }
  | { readonly problem: Readonly<Record<string, unknown>> };

export function appendFrame(tablet: number, { shard, batch, expectedOffset = -1 }: Append): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_BYTES);
  frame.writeUInt32BE(tablet, 0);
  frame.writeUInt32BE(shard, 4);
  writeInt64(frame, expectedOffset, 8);
  frame.writeUInt32BE(batch.length, 16);
  return frame;
}

/** The appends of a body; their batches are views of it. Throws WireProblem when it is cut short. */
export function* appendsIn(body: Buffer): IterableIterator<{ tablet: number; append: Append }> {
  for (let at = 0; at < body.length; ) {
    const start = at + FRAME_BYTES;
    const end = start > body.length ? start : start + body.readUInt32BE(at + 16);
    if (end > body.length) throw new WireProblem(400, "BAD_REQUEST", "Cannot append: the body is cut short");
    const expected = readInt64(body, at + 8);
    const batch = body.subarray(start, end);
    const append = { shard: body.readUInt32BE(at + 4), batch };
    const tablet = body.readUInt32BE(at);
    yield { tablet, append: expected < 0 ? append : { ...append, expectedOffset: expected } };
    at = end;
  }
}

export function readTarget(tablet: number, shard: number, read: ReadQuery): string {
  const { offset, bytesMax, messagesMax, skipDamaged, waitMs } = read;
  const limits = `&bytesMax=${bytesMax}&waitMs=${Math.ceil(waitMs)}&skipDamaged=${skipDamaged ? 1 : 0}`;
  const count = messagesMax === undefined ? "" : `&messagesMax=${messagesMax}`;
  const place = typeof offset === "number" ? `offset=${offset}` : `consumer=${encodeURIComponent(offset)}`;
  return `${READ_PATH}?tablet=${tablet}&shard=${shard}&${place}${limits}${count}`;
}

/** A whole number of a query of ours; undefined when it is not there. */
export function numberIn(query: string, name: string): number | undefined {
  const text = textIn(query, name);
  return text === undefined ? undefined : Number(text);
}

export function textIn(query: string, name: string): string | undefined {
  for (const pair of query.split("&")) {
    if (pair.startsWith(name) && pair[name.length] === "=")
      return decodeURIComponent(pair.slice(name.length + 1));
  }
  return undefined;
}

export function fetchedAnswer({ from, start, end, bytes, next, damaged, batches }: ReadFrom): Answer {
  const numbers = JSON.stringify({ from, start, end, bytes, next, damaged: damaged.map(printable) });
  return {
    status: 200,
    type: "application/x-kafka-record-batch",
    body: joined(batches),
    fields: `${FETCHED}: ${numbers}\r\n`,
    isBodyReusable: true,
  };
}

/** Header fields hold ASCII. */
const printable = (damage: Damage): Damage => ({
  ...damage,
  reason: damage.reason.replace(/[^\x20-\x7e]/g, "?"),
});

export function fetchedOf(answer: PeerAnswer): ReadFrom {
  const numbers = JSON.parse(answer.header(FETCHED) ?? "{}") as Omit<ReadFrom, "batches">;
  return { ...numbers, batches: [...batchesIn(answer.body)] };
}

/** The problem that another broker answered with. */
export function refusalIn(answer: PeerAnswer): WireProblem {
  try {
    return problemIn(JSON.parse(answer.body.toString()));
  } catch {
    return new WireProblem(500, "INTERNAL", `Another broker answered ${answer.status} without saying why`);
  }
}

/** From its document. */
export function problemIn(document: Readonly<Record<string, unknown>> | undefined): WireProblem {
  const { type: _, title: __, status, code, detail, ...members } = document ?? {};
  if (typeof code !== "string")
    return new WireProblem(500, "INTERNAL", "Another broker refused without saying why");
  return new WireProblem(Number(status), code as ProblemCode, String(detail), members);
}

export function notOwner(tablet: number, epoch: number): WireProblem {
  const detail = `Cannot serve tablet ${tablet} here: another broker owns it; the epoch known here is ${epoch}`;
  return new WireProblem(421, "NOT_OWNER", detail, { epoch });
}
