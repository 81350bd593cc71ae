// From a request's messages to record batches: the same bytes as records.ts packs, straight from the places in the body.
import { HEADER_BYTES, sealBatch } from "../record-batch.ts";
import type { RecordHeader } from "../records.ts";
import { varintBytes, writeVarint } from "../varint.ts";
import { type MessageTable, NONE } from "./message-table.ts";

export interface ProducerClaim {
  readonly id: number;
  readonly epoch: number;
  readonly sequence: number;
}

/** Packs these messages (null: all of them), in their order. */
export function packMessages(
  table: MessageTable,
  indexes: readonly number[] | null,
  nowMs: number,
  producer: ProducerClaim | null,
): Buffer {
  const count = indexes === null ? table.count : indexes.length;
  const base = timeOf(table, indexes === null ? 0 : (indexes[0] as number), nowMs);
  let maxTimestampMs = base;
  let size = HEADER_BYTES;
  for (let delta = 0; delta < count; delta++) {
    const index = indexes === null ? delta : (indexes[delta] as number);
    const timestampMs = timeOf(table, index, nowMs);
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
    const bytes = recordBytes(table, index, timestampMs - base, delta);
    size += varintBytes(bytes) + bytes;
  }
  const batch = Buffer.allocUnsafe(size);
  let at = HEADER_BYTES;
  for (let delta = 0; delta < count; delta++) {
    const index = indexes === null ? delta : (indexes[delta] as number);
    at = writeRecord(batch, table, index, timeOf(table, index, nowMs) - base, delta, at);
  }
  sealBatch(batch, {
    compression: 0,
    count,
    baseTimestampMs: base,
    maxTimestampMs,
    producerId: producer?.id ?? -1,
    producerEpoch: producer?.epoch ?? -1,
    baseSequence: producer?.sequence ?? -1,
  });
  return batch;
}

function timeOf(table: MessageTable, index: number, nowMs: number): number {
  if (table.isPlain) return nowMs;
  const own = table.timestampMs[index] as number;
  return Number.isNaN(own) ? nowMs : own;
}

function recordBytes(table: MessageTable, index: number, time: number, delta: number): number {
  const key = fieldBytes(table.keyStart[index] as number, table.keyEnd[index] as number);
  const value = fieldBytes(table.valueStart[index] as number, table.valueEnd[index] as number);
  const fixed = 1 + varintBytes(time) + varintBytes(delta);
  return fixed + key + value + (table.isPlain ? 1 : headersBytes(table.headers[index] ?? null));
}

function fieldBytes(start: number, end: number): number {
  return start === NONE ? 1 : varintBytes(end - start) + end - start;
}

function headersBytes(headers: readonly RecordHeader[] | null): number {
  if (headers === null) return 1;
  let bytes = varintBytes(headers.length);
  for (const { key, value } of headers) {
    const length = Buffer.byteLength(key);
    bytes += varintBytes(length) + length;
    bytes += value === null ? 1 : varintBytes(value.length) + value.length;
  }
  return bytes;
}

function writeRecord(
  batch: Buffer,
  table: MessageTable,
  index: number,
  time: number,
  delta: number,
  start: number,
): number {
  const { source } = table;
  let at = writeVarint(batch, recordBytes(table, index, time, delta), start);
  batch[at++] = 0;
  at = writeVarint(batch, time, at);
  at = writeVarint(batch, delta, at);
  at = writeField(batch, source, table.keyStart[index] as number, table.keyEnd[index] as number, at);
  at = writeField(batch, source, table.valueStart[index] as number, table.valueEnd[index] as number, at);
  const headers = table.headers[index] ?? null;
  at = writeVarint(batch, headers?.length ?? 0, at);
  for (const { key, value } of headers ?? []) {
    at = writeVarint(batch, Buffer.byteLength(key), at);
    at += batch.write(key, at);
    at = value === null ? writeVarint(batch, -1, at) : writeField(batch, value, 0, value.length, at);
  }
  return at;
}

/** Below this a loop is quicker than Buffer's copy, which makes a view of its source. */
const LOOP_BYTES_MAX = 160;

function writeField(batch: Buffer, source: Buffer, start: number, end: number, place: number): number {
  if (start === NONE) return writeVarint(batch, -1, place);
  const length = end - start;
  const at = writeVarint(batch, length, place);
  if (length > LOOP_BYTES_MAX) source.copy(batch, at, start, end);
  else for (let i = 0; i < length; i++) batch[at + i] = source[start + i] as number;
  return at + length;
}
