// How a tablet lies in its LMDB environment: one key-value table, keys in byte order, numbers big-endian.
//
//   01                              → JSON of TabletLabel; the entry's version is the epoch: what fences writers
//   10 shard:u32                    → shard record (below)
//   20 shard:u32 lastOffset:u64     → record batch; the entry's version is when it was appended, ms
//   30 shard:u32 time:u64           → offset:i64; no message before the offset is later than the time
//   40 shard:u32 producer:u64       → producer state
//   50 shard:u32 consumer name      → position:i64
//   60 name                         → a note of the tablet's own
//
// A batch is filed under the offset of its *last* message, so that one forward seek finds the batch that holds an
// offset, and a batch whose header is damaged still tells where to read on.
import { readInt64, writeInt64 } from "../int64.ts";
import type { ProducerState, RememberedBatch } from "../producers.ts";

/** Raised when the layout changes so that an older program would misread it. */
export const FORMAT = 1;

export const LABEL_KEY = Buffer.from([0x01]);
const SHARD = 0x10;
const LOG = 0x20;
const TIME = 0x30;
const PRODUCER = 0x40;
const POSITION = 0x50;
const NOTE = 0x60;

/** The kinds of entry that belong to one shard, but for its record. */
export const SHARD_CONTENTS: readonly number[] = [LOG, TIME, PRODUCER, POSITION];

/** What a tablet says about itself. */
export interface TabletLabel {
  readonly format: number;
  readonly tablet: number;
  /** Who opened it at this epoch, in words. */
  readonly owner: string;
}

/** A shard's place in the world, written with every append. */
export interface ShardRecord {
  start: number;
  end: number;
  /** Bytes of the batches kept. */
  bytes: number;
  /** The latest time of any message so far, 0 when there was none; what the time index is made of. */
  maxTimestampMs: number;
  /** When the last batch was appended; never steps back, whatever the clock does. */
  appendedAtMs: number;
  /** Set while the shard's contents are being removed: it no longer counts as existing. */
  deleting: boolean;
}

export const EMPTY_SHARD: Readonly<ShardRecord> = {
  start: 0,
  end: 0,
  bytes: 0,
  maxTimestampMs: 0,
  appendedAtMs: 0,
  deleting: false,
};

/** Every key of a kind and shard lies between the two. */
export function bounds(kind: number, shard: number): { start: Buffer; end: Buffer } {
  return {
    start: prefix(kind, shard),
    end: prefix(shard === 0xffff_ffff ? kind + 1 : kind, (shard + 1) >>> 0),
  };
}

export const shardBounds = { start: Buffer.from([SHARD]), end: Buffer.from([SHARD + 1]) };
export const shardKey = (shard: number): Buffer => prefix(SHARD, shard);
export const shardOf = (key: Buffer): number => key.readUInt32BE(1);

export const logBounds = (shard: number) => bounds(LOG, shard);
export const logKey = (shard: number, lastOffset: number): Buffer => numbered(LOG, shard, lastOffset);
/** As {@link logKey}, in one buffer for all: for a put, which copies it at once. */
export function logKeyToPut(shard: number, lastOffset: number): Buffer {
  return fillNumbered(putKey, LOG, shard, lastOffset);
}
export const timeBounds = (shard: number) => bounds(TIME, shard);
export const timeKey = (shard: number, timeMs: number): Buffer => numbered(TIME, shard, timeMs);
export const producerBounds = (shard: number) => bounds(PRODUCER, shard);
export const producerKey = (shard: number, id: number): Buffer => numbered(PRODUCER, shard, id);
/** The number at the end of a log, time or producer key. */
export const numberIn = (key: Buffer): number => readInt64(key, 5);

export const positionBounds = (shard: number) => bounds(POSITION, shard);
/** The name at the end of a position's key. */
export const consumerOf = (key: Buffer): string => key.toString("utf8", 5);

export function positionKey(shard: number, consumer: string): Buffer {
  return Buffer.concat([prefix(POSITION, shard), Buffer.from(consumer)]);
}

export const noteKey = (name: string): Buffer => Buffer.concat([Buffer.from([NOTE]), Buffer.from(name)]);
export const noteNameOf = (key: Buffer): string => key.toString("utf8", 1);

/** Of the notes whose names begin so: no text in UTF-8 has the byte that follows. */
export function noteBounds(prefix: string): { start: Buffer; end: Buffer } {
  const start = noteKey(prefix);
  return { start, end: Buffer.concat([start, Buffer.from([0xff])]) };
}

function prefix(kind: number, shard: number): Buffer {
  const key = Buffer.allocUnsafe(5);
  key[0] = kind;
  key.writeUInt32BE(shard, 1);
  return key;
}

const putKey = Buffer.alloc(13);

function numbered(kind: number, shard: number, number: number): Buffer {
  return fillNumbered(Buffer.allocUnsafe(13), kind, shard, number);
}

function fillNumbered(key: Buffer, kind: number, shard: number, number: number): Buffer {
  key[0] = kind;
  key.writeUInt32BE(shard, 1);
  writeInt64(key, number, 5);
  return key;
}

export function encodeNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  writeInt64(bytes, value, 0);
  return bytes;
}

export const decodeNumber = (bytes: Buffer): number => readInt64(bytes, 0);

export function encodeShard(record: ShardRecord): Buffer {
  const bytes = Buffer.allocUnsafe(41);
  writeInt64(bytes, record.start, 0);
  writeInt64(bytes, record.end, 8);
  writeInt64(bytes, record.bytes, 16);
  writeInt64(bytes, record.maxTimestampMs, 24);
  writeInt64(bytes, record.appendedAtMs, 32);
  bytes[40] = record.deleting ? 1 : 0;
  return bytes;
}

export function decodeShard(bytes: Buffer): ShardRecord {
  return {
    start: readInt64(bytes, 0),
    end: readInt64(bytes, 8),
    bytes: readInt64(bytes, 16),
    maxTimestampMs: readInt64(bytes, 24),
    appendedAtMs: readInt64(bytes, 32),
    deleting: bytes[40] === 1,
  };
}

const PRODUCER_HEAD_BYTES = 2;
const REMEMBERED_BYTES = 16;

export function encodeProducer(state: ProducerState): Buffer {
  const bytes = Buffer.allocUnsafe(PRODUCER_HEAD_BYTES + REMEMBERED_BYTES * state.batches.length);
  bytes.writeInt16BE(state.producerEpoch, 0);
  for (const [i, batch] of state.batches.entries()) {
    const at = PRODUCER_HEAD_BYTES + REMEMBERED_BYTES * i;
    bytes.writeInt32BE(batch.firstSequence, at);
    bytes.writeInt32BE(batch.lastSequence, at + 4);
    writeInt64(bytes, batch.baseOffset, at + 8);
  }
  return bytes;
}

export function decodeProducer(producerId: number, bytes: Buffer): ProducerState {
  const batches: RememberedBatch[] = [];
  for (let at = PRODUCER_HEAD_BYTES; at < bytes.length; at += REMEMBERED_BYTES) {
    batches.push({
      firstSequence: bytes.readInt32BE(at),
      lastSequence: bytes.readInt32BE(at + 4),
      baseOffset: readInt64(bytes, at + 8),
    });
  }
  return { producerId, producerEpoch: bytes.readInt16BE(0), batches };
}
