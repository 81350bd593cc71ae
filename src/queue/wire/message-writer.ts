// Stored messages as JSON, one object each: text where the bytes are UTF-8, base64 in a field of its own name where they
// are not, or where the reader asks for base64 throughout. What message-reader.ts reads.
import { isUtf8 } from "node:buffer";
import { RoundhouseError } from "../../errors.ts";
import { readHeader } from "../record-batch.ts";
import { NULL_FIELD, RecordPlaces } from "../record-places.ts";
import { headersOf, openedRecords, type RecordHeader, readRecord } from "../records.ts";
import { giveBack } from "../reused-memory.ts";
import type { Damage, Fetched } from "../tablet.ts";

/** Used again for each record: making one, and a buffer for each field, takes longer than writing its text. */
const places = new RecordPlaces();

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
 * damaged one, if that is wanted; else DAMAGED, when it comes first, or the end of this answer. The batches are used up.
 */
export function messageTexts(fetched: Fetched, offset: number, ...how: How): MessageTexts {
  try {
    return textsOf(fetched, offset, ...how);
  } finally {
    for (const batch of fetched.batches) giveBack(batch);
  }
}

type How = readonly [messagesMax: number, base64: boolean, skipDamaged: boolean];

function textsOf(fetched: Fetched, offset: number, ...[messagesMax, base64, skipDamaged]: How): MessageTexts {
  const texts: string[] = [];
  const damaged = [...fetched.damaged];
  let next = offset;
  for (const batch of fetched.batches) {
    try {
      const { baseOffset, baseTimestampMs, count } = readHeader(batch);
      const bytes = openedRecords(batch);
      places.at = 0;
      for (let index = 0; index < count; index++) {
        readRecord(bytes, places, baseOffset, index);
        const at = baseOffset + index;
        if (at < offset) continue;
        if (texts.length >= messagesMax) return { texts, next, damaged };
        texts.push(messageText(bytes, at, baseTimestampMs + places.timestampDelta, base64));
        next = at + 1;
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

/** Of the record that {@link places} tells of. */
function messageText(bytes: Buffer, offset: number, timestampMs: number, base64: boolean): string {
  const { keyStart, keyEnd, valueStart, valueEnd } = places;
  let text = `{"offset":${offset},"timestamp_ms":${timestampMs}`;
  if (keyStart !== NULL_FIELD) text += `,"key${contentText(bytes, keyStart, keyEnd, base64)}`;
  if (valueStart === NULL_FIELD) text += ',"value":null';
  else text += `,"value${contentText(bytes, valueStart, valueEnd, base64)}`;
  if (places.headerCount > 0) text += headersText(headersOf(bytes, places), base64);
  return `${text}}`;
}

/** The rest of a member's name, and its value. */
function contentText(bytes: Buffer, start: number, end: number, base64: boolean): string {
  if (!base64 && isPlain(bytes, start, end)) return `":"${bytes.toString("latin1", start, end)}"`;
  const content = bytes.subarray(start, end);
  if (base64 || !isUtf8(content)) return `_base64":"${content.toString("base64")}"`;
  return `":${JSON.stringify(content.toString())}`;
}

/** ASCII that JSON has as it is: nothing to escape, nothing to decode. */
function isPlain(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}

/** Of headers with the same name the last one counts. */
function headersText(headers: readonly RecordHeader[], base64: boolean): string {
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
