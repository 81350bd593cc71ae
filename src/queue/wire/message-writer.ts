// Stored messages as JSON, one object each: text where the bytes are UTF-8, base64 in a field of its own name where they
// are not, or where the reader asks for base64 throughout. What message-reader.ts reads.
import { isUtf8 } from "node:buffer";
import { RoundhouseError } from "../../errors.ts";
import { recordsOf, type StoredRecord } from "../records.ts";
import type { Damage, Fetched } from "../tablet.ts";

export interface MessageTexts {
  /** One JSON object for each message. */
  readonly texts: readonly string[];
  /** Where to read on. */
  readonly next: number;
  /** What was passed over. */
  readonly damaged: readonly Damage[];
}

/**
 * The messages from `offset` on, at most `messagesMax`. A batch whose records cannot be made out is passed over like a
 * damaged one, if that is wanted; else DAMAGED, when it comes first, or the end of this answer.
 */
export function messageTexts(
  fetched: Fetched,
  offset: number,
  messagesMax: number,
  base64: boolean,
  skipDamaged: boolean,
): MessageTexts {
  const texts: string[] = [];
  const damaged = [...fetched.damaged];
  let next = offset;
  for (const batch of fetched.batches) {
    try {
      for (const record of recordsOf(batch, offset)) {
        if (texts.length >= messagesMax) return { texts, next, damaged };
        texts.push(messageText(record, base64));
        next = record.offset + 1;
      }
    } catch (error) {
      const last = lastOffsetOf(batch);
      if (!(error instanceof RoundhouseError) || error.code !== "BAD_BATCH") throw error;
      if (!skipDamaged && texts.length > 0) return { texts, next, damaged };
      if (!skipDamaged) throw unreadable(next, last, error);
      damaged.push({ shard: -1, from: next, to: last + 1, reason: error.message });
      next = last + 1;
    }
  }
  return { texts, next: fetched.next, damaged };
}

function lastOffsetOf(batch: Buffer): number {
  return Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23);
}

function unreadable(from: number, last: number, cause: RoundhouseError): RoundhouseError {
  const text = `Cannot read offsets ${from} to ${last}: ${cause.message}; ask to skip damaged batches, or read on from ${last + 1}`;
  return new RoundhouseError("DAMAGED", text, { cause });
}

function messageText({ offset, timestampMs, key, value, headers }: StoredRecord, base64: boolean): string {
  let text = `{"offset":${offset},"timestamp_ms":${timestampMs}`;
  if (key !== null) text += `,${field("key", key, base64)}`;
  text += value === null ? ',"value":null' : `,${field("value", value, base64)}`;
  if (headers.length > 0) text += headersText(headers, base64);
  return `${text}}`;
}

function field(name: string, bytes: Buffer, base64: boolean): string {
  if (base64 || !isUtf8(bytes)) return `"${name}_base64":"${bytes.toString("base64")}"`;
  return `"${name}":${JSON.stringify(bytes.toString())}`;
}

/** Of headers with the same name the last one counts. */
function headersText(headers: StoredRecord["headers"], base64: boolean): string {
  const texts = new Map<string, string>();
  const encoded = new Map<string, string>();
  for (const { key, value } of headers) {
    texts.delete(key);
    encoded.delete(key);
    if (value === null) texts.set(key, "null");
    else if (base64 || !isUtf8(value)) encoded.set(key, `"${value.toString("base64")}"`);
    else texts.set(key, JSON.stringify(value.toString()));
  }
  return membersText("headers", texts) + membersText("headers_base64", encoded);
}

function membersText(name: string, members: ReadonlyMap<string, string>): string {
  if (members.size === 0) return "";
  return `,"${name}":{${Array.from(members, ([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`;
}
