// The records inside a batch: packing them, and reading them one by one without copying. The batch around them is
// record-batch.ts's. Layout: https://kafka.apache.org/documentation/#record; varint.ts has the numbers.
//
//   length varint · attributes i8 (unused) · timestampDelta varint · offsetDelta varint
//   · key length varint (−1: null) · key · value length varint (−1: null) · value
//   · header count varint · per header: key length varint · key (UTF-8) · value length varint (−1: null) · value
import { gzipSync } from "node:zlib";
import { RoundhouseError } from "../errors.ts";
import { openRecords } from "./compression.ts";
import { HEADER_BYTES, readHeader, sealBatch } from "./record-batch.ts";
import { type Cursor, readVarint, varintBytes, writeVarint } from "./varint.ts";

/** A message's header: not an HTTP one, though the HTTP interface maps one to the other. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

/** A message as a producer gives it. */
export interface NewRecord {
  /** Decides the shard, and is kept. Default: none. */
  readonly key?: Buffer | null;
  /** Null is a tombstone: "this key is gone". */
  readonly value: Buffer | null;
  readonly headers?: readonly RecordHeader[];
  /** When it happened, in ms since the Unix epoch. Default: the batch's time. */
  readonly timestampMs?: number;
}

/** A message as a consumer gets it. Its buffers are views of the batch. */
export interface StoredRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

export interface PackOptions {
  /** Time of records that have none of their own, ms since the Unix epoch. */
  readonly timestampMs: number;
  /** Default `none`. Only what this process can open again is offered. */
  readonly compression?: "none" | "gzip";
  /** Makes the append idempotent; see producers.ts. Default: none. */
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number };
}

const NO_HEADERS: readonly RecordHeader[] = [];

/** Packs records into one batch, ready to append. Throws RangeError on an empty list. */
export function packBatch(records: readonly NewRecord[], options: PackOptions): Buffer {
  const base = records[0]?.timestampMs ?? options.timestampMs;
  let maxTimestampMs = -Infinity;
  let size = HEADER_BYTES;
  for (const [index, record] of records.entries()) {
    const timestampMs = record.timestampMs ?? options.timestampMs;
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
    const body = recordBytes(record, timestampMs - base, index);
    size += varintBytes(body) + body;
  }
  if (records.length === 0) throw new RangeError("Cannot pack a batch of 0 records; give at least one");
  let batch = Buffer.allocUnsafe(size);
  let at = HEADER_BYTES;
  for (const [index, record] of records.entries()) {
    at = writeRecord(batch, record, (record.timestampMs ?? options.timestampMs) - base, index, at);
  }
  const gzip = options.compression === "gzip";
  if (gzip) batch = Buffer.concat([batch.subarray(0, HEADER_BYTES), gzipSync(batch.subarray(HEADER_BYTES))]);
  sealBatch(batch, {
    compression: gzip ? 1 : 0,
    count: records.length,
    baseTimestampMs: base,
    maxTimestampMs,
    producerId: options.producer?.id ?? -1,
    producerEpoch: options.producer?.epoch ?? -1,
    baseSequence: options.producer?.sequence ?? -1,
  });
  return batch;
}

/** Size of a record after its length field. */
function recordBytes(record: NewRecord, timestampDelta: number, offsetDelta: number): number {
  const headers = record.headers ?? NO_HEADERS;
  let size = 1 + varintBytes(timestampDelta) + varintBytes(offsetDelta) + varintBytes(headers.length);
  size += fieldBytes(record.key ?? null) + fieldBytes(record.value);
  for (const header of headers) {
    const key = Buffer.byteLength(header.key);
    size += varintBytes(key) + key + fieldBytes(header.value);
  }
  return size;
}

function fieldBytes(field: Buffer | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length;
}

function writeRecord(target: Buffer, record: NewRecord, time: number, index: number, start: number): number {
  const headers = record.headers ?? NO_HEADERS;
  let at = writeVarint(target, recordBytes(record, time, index), start);
  target[at++] = 0;
  at = writeVarint(target, time, at);
  at = writeVarint(target, index, at);
  at = writeField(target, record.key ?? null, at);
  at = writeField(target, record.value, at);
  at = writeVarint(target, headers.length, at);
  for (const header of headers) {
    at = writeField(target, Buffer.from(header.key), at);
    at = writeField(target, header.value, at);
  }
  return at;
}

function writeField(target: Buffer, field: Buffer | null, start: number): number {
  if (field === null) return writeVarint(target, -1, start);
  const at = writeVarint(target, field.length, start);
  target.set(field, at);
  return at + field.length;
}

/**
 * Reads a batch's records in order, each when asked for. `fromOffset` skips those before it (a batch is stored
 * whole, and a consumer may stand in its middle). Throws RoundhouseError BAD_BATCH when a record does not fit its
 * frame: the producer made it so, as the checksum has been checked before.
 */
export function* recordsOf(batch: Buffer, fromOffset = 0): IterableIterator<StoredRecord> {
  const header = readHeader(batch);
  const bytes = openRecords(batch.subarray(HEADER_BYTES), header.compression);
  const cursor: Cursor = { at: 0 };
  for (let index = 0; index < header.count; index++) {
    const record = readRecord(bytes, cursor, index, header.baseOffset, header.baseTimestampMs);
    if (record.offset >= fromOffset) yield record;
  }
}

function readRecord(
  bytes: Buffer,
  cursor: Cursor,
  index: number,
  baseOffset: number,
  baseTimestampMs: number,
) {
  try {
    const length = readVarint(bytes, cursor, bytes.length);
    const end = cursor.at + length;
    if (length < 6 || end > bytes.length) throw new RangeError(`it says that it has ${length} bytes`);
    cursor.at++;
    const timestampMs = baseTimestampMs + readVarint(bytes, cursor, end);
    const offset = baseOffset + readVarint(bytes, cursor, end);
    const key = readField(bytes, cursor, end);
    const value = readField(bytes, cursor, end);
    const headers = readHeaders(bytes, cursor, end);
    if (cursor.at !== end) throw new RangeError(`${end - cursor.at} bytes follow its last header`);
    if (offset !== baseOffset + index) throw new RangeError(`its offset delta is ${offset - baseOffset}`);
    return { offset, timestampMs, key, value, headers };
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const place = `record ${index} of the batch at offset ${baseOffset}`;
    throw new RoundhouseError("BAD_BATCH", `Cannot read ${place}: ${cause.message}`, { cause });
  }
}

function readField(bytes: Buffer, cursor: Cursor, end: number): Buffer | null {
  const length = readVarint(bytes, cursor, end);
  if (length === -1) return null;
  const start = cursor.at;
  if (length < 0 || start + length > end) throw new RangeError(`a field says that it has ${length} bytes`);
  cursor.at = start + length;
  return bytes.subarray(start, start + length);
}

function readHeaders(bytes: Buffer, cursor: Cursor, end: number): readonly RecordHeader[] {
  const count = readVarint(bytes, cursor, end);
  if (count === 0) return NO_HEADERS;
  if (count < 0 || count > (end - cursor.at) / 2) throw new RangeError(`it claims ${count} headers`);
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i++) {
    const key = readField(bytes, cursor, end);
    if (key === null) throw new RangeError("a header has no key");
    headers.push({ key: key.toString(), value: readField(bytes, cursor, end) });
  }
  return headers;
}
