// The records inside a batch: packing them, and reading them one by one without copying. The batch around them is
// record-batch.ts's. Layout: https://kafka.apache.org/documentation/#record; varint.ts has the numbers.
//
//   length varint · attributes i8 (unused) · timestampDelta varint · offsetDelta varint
//   · key length varint (−1: null) · key · value length varint (−1: null) · value
//   · header count varint · per header: key length varint · key (UTF-8) · value length varint (−1: null) · value
import { gzipSync } from "node:zlib";
import { RoundhouseError } from "../errors.ts";
import { openRecords } from "./compression.ts";
import { compressionOf, HEADER_BYTES, readHeader, sealBatch } from "./record-batch.ts";
import { NULL_FIELD, RecordPlaces, readPlaces, skipField } from "./record-places.ts";
import { type Cursor, varintBytes, writeVarint } from "./varint.ts";

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
  const { baseOffset, baseTimestampMs, count } = readHeader(batch);
  const bytes = openedRecords(batch);
  const places = new RecordPlaces();
  for (let index = 0; index < count; index++) {
    readRecord(bytes, places, baseOffset, index);
    const offset = baseOffset + index;
    if (offset < fromOffset) continue;
    yield {
      offset,
      timestampMs: baseTimestampMs + places.timestampDelta,
      key: fieldAt(bytes, places.keyStart, places.keyEnd),
      value: fieldAt(bytes, places.valueStart, places.valueEnd),
      headers: headersOf(bytes, places),
    };
  }
}

/** The bytes of a batch's records, after its header, decompressed where they need to be. */
export function openedRecords(batch: Buffer): Buffer {
  return openRecords(batch.subarray(HEADER_BYTES), compressionOf(batch));
}

/** Moves on to the next record, the `index`-th of a batch; throws as {@link recordsOf} does. */
export function readRecord(bytes: Buffer, places: RecordPlaces, baseOffset: number, index: number): void {
  try {
    readPlaces(bytes, places);
    if (places.offsetDelta !== index) throw new RangeError(`its offset delta is ${places.offsetDelta}`);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const place = `record ${index} of the batch at offset ${baseOffset}`;
    throw new RoundhouseError("BAD_BATCH", `Cannot read ${place}: ${cause.message}`, { cause });
  }
}

export function fieldAt(bytes: Buffer, start: number, end: number): Buffer | null {
  return start === NULL_FIELD ? null : bytes.subarray(start, end);
}

export function headersOf(bytes: Buffer, { headerCount, headersAt }: RecordPlaces): readonly RecordHeader[] {
  if (headerCount === 0) return NO_HEADERS;
  const cursor: Cursor = { at: headersAt };
  return Array.from({ length: headerCount }, () => {
    const keyStart = skipField(bytes, cursor, bytes.length);
    const key = bytes.toString("utf8", keyStart, cursor.at);
    const valueStart = skipField(bytes, cursor, bytes.length);
    return { key, value: fieldAt(bytes, valueStart, cursor.at) };
  });
}
