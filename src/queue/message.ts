// A message as an application sends and receives it, and its way into and out of a record.
import { RoundhouseError } from "../errors.ts";
import type { NewRecord, StoredRecord } from "./records.ts";

export interface NewMessage {
  /** Messages of one key keep their order. Without a key, messages go round robin over the shards. */
  readonly key?: string | Uint8Array;
  /** Null is a tombstone. Text is stored as UTF-8. */
  readonly value: string | Uint8Array | null;
  readonly headers?: Readonly<Record<string, string | Uint8Array | null>>;
  /** When it happened, ms since the Unix epoch. Default: now. */
  readonly timestampMs?: number;
}

export interface Message {
  readonly topic: string;
  /** Name of the shard. */
  readonly shard: string;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, Buffer | null>;
}

/** Default for the size of one message: key, value and headers together. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;

/** Checks a message and makes it a record. Throws RoundhouseError BAD_REQUEST. */
export function toRecord(message: NewMessage, bytesMax: number): NewRecord {
  const key = message.key === undefined ? null : toBuffer(message.key);
  const value = message.value === null ? null : toBuffer(message.value);
  const headers = Object.entries(message.headers ?? {}).map(([name, content]) => ({
    key: name,
    value: content === null ? null : toBuffer(content),
  }));
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += Buffer.byteLength(header.key) + (header.value?.length ?? 0);
  if (bytes > bytesMax) {
    throw new RoundhouseError(
      "BAD_REQUEST",
      `Cannot produce a message of ${bytes} bytes; at most ${bytesMax} are accepted (messageBytesMax)`,
      { source: "downstream" },
    );
  }
  const { timestampMs } = message;
  if (timestampMs !== undefined && !Number.isSafeInteger(timestampMs)) {
    throw new RoundhouseError(
      "BAD_REQUEST",
      `Cannot produce a message of time ${timestampMs}; whole ms since 1970 are accepted`,
      { source: "downstream" },
    );
  }
  return { key, value, headers, ...(timestampMs === undefined ? {} : { timestampMs }) };
}

export function toMessage(topic: string, shard: string, record: StoredRecord): Message {
  const { offset, timestampMs, key, value } = record;
  const headers = new Map(record.headers.map((header) => [header.key, header.value]));
  return { topic, shard, offset, timestampMs, key, value, headers };
}

function toBuffer(content: string | Uint8Array): Buffer {
  if (typeof content === "string") return Buffer.from(content);
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}
