// How brokers speak to each other on the same listener: paths below /internal, which no front door forwards. One side
// is shards.ts, the other internal-api.ts.
//
//   POST /internal/append?tablet=&shard=[&expected=]   a record batch            → JSON of Appended
//   GET  /internal/read?tablet=&shard=&offset=&…       record batches            ← Fetched, numbers in a header field
//   POST /internal/call                                JSON {tablet, call}       → JSON of the call's result
//
// A broker that does not serve the tablet answers 421 NOT_OWNER and has done nothing.
import { batchesIn } from "../record-batch.ts";
import type { Damage } from "../tablet.ts";
import type { PeerAnswer } from "./peer-client.ts";
import { type ProblemCode, WireProblem } from "./problem.ts";
import type { Answer } from "./service.ts";
import type { ReadFrom } from "./shards.ts";

export const INTERNAL_PREFIX = "/internal/";
export const APPEND_PATH = "/internal/append";
export const READ_PATH = "/internal/read";
export const CALL_TARGET = "/internal/call";

/** Marks a public request that another broker hands on: it is served where it arrives, or refused. */
export const HANDED_ON = "roundhouse-handed-on";

const FETCHED = "roundhouse-fetched";

interface ReadQuery {
  readonly offset: number | string;
  readonly bytesMax: number;
  readonly skipDamaged: boolean;
  readonly waitMs: number;
}

export function appendTarget(tablet: number, shard: number, expected: number | undefined): string {
  const rest = expected === undefined ? "" : `&expected=${expected}`;
  return `${APPEND_PATH}?tablet=${tablet}&shard=${shard}${rest}`;
}

export function readTarget(tablet: number, shard: number, read: ReadQuery): string {
  const { offset, bytesMax, skipDamaged, waitMs } = read;
  const limits = `&bytesMax=${bytesMax}&waitMs=${Math.ceil(waitMs)}&skipDamaged=${skipDamaged ? 1 : 0}`;
  const place = typeof offset === "number" ? `offset=${offset}` : `consumer=${encodeURIComponent(offset)}`;
  return `${READ_PATH}?tablet=${tablet}&shard=${shard}&${place}${limits}`;
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
    body: Buffer.concat(batches),
    fields: `${FETCHED}: ${numbers}\r\n`,
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
    const { type: _, title: __, status, code, detail, ...members } = JSON.parse(answer.body.toString());
    return new WireProblem(Number(status), code as ProblemCode, String(detail), members);
  } catch {
    return new WireProblem(500, "INTERNAL", `Another broker answered ${answer.status} without saying why`);
  }
}

export function notOwner(tablet: number, epoch: number): WireProblem {
  const detail = `Cannot serve tablet ${tablet} here: another broker owns it; the epoch known here is ${epoch}`;
  return new WireProblem(421, "NOT_OWNER", detail, { epoch });
}
