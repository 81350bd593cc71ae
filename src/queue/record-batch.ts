// Kafka's RecordBatch, version 2: the form in which messages arrive, are stored and leave. This file knows the
// header, checks a batch in place and stamps it; records.ts writes and reads the records inside.
// Layout: https://kafka.apache.org/documentation/#recordbatch (KIP-98). All numbers are big-endian.
//
//    0  baseOffset             i64   set by the owner of the shard
//    8  batchLength            i32   bytes after this field
//   12  partitionLeaderEpoch   i32   set by the owner of the shard
//   16  magic                  i8    2
//   17  crc                    u32   CRC-32C of byte 21 to the end, so that the two fields above can be set freely
//   21  attributes             i16   bits 0–2 compression, 3 timestamp type, 4 transactional, 5 control
//   23  lastOffsetDelta        i32   record count − 1
//   27  baseTimestamp          i64   ms since the Unix epoch
//   35  maxTimestamp           i64
//   43  producerId             i64   −1: no idempotent producer
//   51  producerEpoch          i16
//   53  baseSequence           i32
//   57  records count          i32
//   61  records
import { crc32c } from "./crc32c.ts";
import { readInt64, writeInt64 } from "./int64.ts";

/** Size of the header: where the records begin. */
export const HEADER_BYTES = 61;

/** Bytes before the ones that `batchLength` counts. */
const LENGTH_OVERHEAD_BYTES = 12;
/** Where the CRC's cover begins. */
const CHECKED_FROM = 21;
/** The shortest record: seven fields of one byte each. Bounds the count that an uncompressed batch may claim. */
const RECORD_BYTES_MIN = 7;
/** Bounds the count that a compressed batch may claim, as its records are not opened to check it. */
const COMPRESSED_RECORDS_MAX = 1_000_000;

const COMPRESSION_BITS = 0x07;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;

/** The header's fields, read without looking at the records. */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  /** Number of the codec; compression.ts knows their names. */
  readonly compression: number;
  readonly count: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  /** −1: not from an idempotent producer. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** Reads the header of a batch that {@link batchFault} has found sound. */
export function readHeader(batch: Buffer): BatchHeader {
  return {
    baseOffset: readInt64(batch, 0),
    leaderEpoch: batch.readInt32BE(12),
    compression: batch.readInt16BE(21) & COMPRESSION_BITS,
    count: batch.readInt32BE(57),
    baseTimestampMs: readInt64(batch, 27),
    maxTimestampMs: readInt64(batch, 35),
    producerId: readInt64(batch, 43),
    producerEpoch: batch.readInt16BE(51),
    baseSequence: batch.readInt32BE(53),
  };
}

export const compressionOf = (batch: Buffer): number => batch.readInt16BE(21) & COMPRESSION_BITS;
export const countOf = (batch: Buffer): number => batch.readInt32BE(57);
export const maxTimestampOf = (batch: Buffer): number => readInt64(batch, 35);

/** Sets the two fields that belong to the shard's owner. The checksum does not cover them, so it stays right. */
export function stampBatch(batch: Buffer, baseOffset: number, epoch: number): void {
  writeInt64(batch, baseOffset, 0);
  batch.writeInt32BE(epoch, 12);
}

/**
 * What is wrong with these bytes as one whole batch, in words, or null. The records themselves are not walked: the
 * checksum vouches that they are what the producer sent.
 */
export function batchFault(batch: Buffer): string | null {
  if (batch.length < HEADER_BYTES) {
    return `it has ${batch.length} bytes, and the header alone takes ${HEADER_BYTES}`;
  }
  if (batch[16] !== 2) return `its magic byte is ${batch[16]}; only record batches of version 2 are accepted`;
  const length = batch.readInt32BE(8) + LENGTH_OVERHEAD_BYTES;
  if (length !== batch.length) return `it says that it has ${length} bytes, and has ${batch.length}`;
  return countFault(batch) ?? crcFault(batch) ?? rangeFault(batch);
}

/** As {@link batchFault}, and refuses what clients may not send: control records and transactions. */
export function producedBatchFault(batch: Buffer): string | null {
  const fault = batchFault(batch);
  if (fault !== null) return fault;
  const attributes = batch.readInt16BE(21);
  if ((attributes & CONTROL_BIT) !== 0)
    return "it is marked as a control batch, which only a broker may write";
  if ((attributes & TRANSACTIONAL_BIT) !== 0)
    return "it is part of a transaction; transactions are not supported";
  if ((attributes & COMPRESSION_BITS) > 4) {
    return `its compression is number ${attributes & COMPRESSION_BITS}; 0 (none) to 4 (zstd) are accepted`;
  }
  return producerFault(batch);
}

function countFault(batch: Buffer): string | null {
  const count = batch.readInt32BE(57);
  const delta = batch.readInt32BE(23);
  const compressed = (batch.readInt16BE(21) & COMPRESSION_BITS) !== 0;
  const max = compressed
    ? COMPRESSED_RECORDS_MAX
    : Math.floor((batch.length - HEADER_BYTES) / RECORD_BYTES_MIN);
  if (count < 1 || count > max) return `it claims ${count} records; 1 to ${max} fit a batch of its size`;
  if (delta !== count - 1)
    return `its lastOffsetDelta is ${delta}; with ${count} records it must be ${count - 1}`;
  return null;
}

function crcFault(batch: Buffer): string | null {
  const stated = batch.readUInt32BE(17);
  const found = crc32c(batch, CHECKED_FROM);
  return found === stated ? null : `its checksum is ${hex(found)} where its header says ${hex(stated)}`;
}

function rangeFault(batch: Buffer): string | null {
  const first = readInt64(batch, 27);
  const last = readInt64(batch, 35);
  if (Number.isSafeInteger(first) && Number.isSafeInteger(last)) return null;
  return `its timestamps ${first} and ${last} are out of range; ±2^53 ms are accepted`;
}

function producerFault(batch: Buffer): string | null {
  const producerId = readInt64(batch, 43);
  if (producerId === -1) return null;
  const { producerEpoch, baseSequence } = readHeader(batch);
  if (producerId < -1 || !Number.isSafeInteger(producerId)) {
    return `its producer id is ${producerId}; 0 to 2^53 − 1, or −1 for none, are accepted`;
  }
  if (producerEpoch >= 0 && baseSequence >= 0) return null;
  return `producer ${producerId} sent epoch ${producerEpoch} and sequence ${baseSequence}; both must be 0 or more`;
}

/** Writes the header over the first 61 bytes and the checksum over the rest; offsets are 0 until stamped. */
export function sealBatch(batch: Buffer, header: Omit<BatchHeader, "baseOffset" | "leaderEpoch">): void {
  writeInt64(batch, 0, 0);
  batch.writeInt32BE(batch.length - LENGTH_OVERHEAD_BYTES, 8);
  batch.writeInt32BE(-1, 12);
  batch[16] = 2;
  batch.writeInt16BE(header.compression, 21);
  batch.writeInt32BE(header.count - 1, 23);
  writeInt64(batch, header.baseTimestampMs, 27);
  writeInt64(batch, header.maxTimestampMs, 35);
  writeInt64(batch, header.producerId, 43);
  batch.writeInt16BE(header.producerEpoch, 51);
  batch.writeInt32BE(header.baseSequence, 53);
  batch.writeInt32BE(header.count, 57);
  batch.writeUInt32BE(crc32c(batch, CHECKED_FROM), 17);
}

/**
 * Cuts a run of batches, as produce and fetch bodies hold them, by their length fields. A last piece that is
 * incomplete comes out as it is, so that the check of the piece says what is missing.
 */
export function* batchesIn(bytes: Buffer): IterableIterator<Buffer> {
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    const length = left < LENGTH_OVERHEAD_BYTES ? left : bytes.readInt32BE(at + 8) + LENGTH_OVERHEAD_BYTES;
    const end = length < HEADER_BYTES || length > left ? bytes.length : at + length;
    yield bytes.subarray(at, end);
    at = end;
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;
