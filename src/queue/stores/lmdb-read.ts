// Reading a shard's log: by offset, by time, and finding what is damaged. Every read is over within its turn of the
// event loop, so that no old snapshot keeps pages from being used again.
import { RoundhouseError } from "../../errors.ts";
import { batchFault, countOf, HEADER_BYTES, maxTimestampOf } from "../record-batch.ts";
import { recordsOf } from "../records.ts";
import type { Damage, Fetched, ReadLimits, ShardRange } from "../tablet.ts";
import type { TabletTable } from "./lmdb-environment.ts";
import { decodeNumber, logBounds, logKey, numberIn, timeBounds, timeKey } from "./lmdb-layout.ts";

const READ_BYTES_MAX = 1024 * 1024;
/** Listed in one answer: the list travels between brokers in a header field. */
const DAMAGED_MAX = 50;

/** Throws OFFSET_OUT_OF_RANGE or DAMAGED; see Tablet.read. */
export function readLog(
  table: TabletTable,
  shard: number,
  range: ShardRange,
  offset: number,
  limits: ReadLimits,
  onDamaged: (damage: Damage) => void,
): Fetched {
  if (!(offset >= range.start && offset <= range.end)) throw outOfRange(shard, range, offset);
  const { bytesMax = READ_BYTES_MAX, messagesMax = Number.POSITIVE_INFINITY } = limits;
  const batches: Buffer[] = [];
  const damaged: Damage[] = [];
  let next = offset;
  let bytes = 0;
  let messages = 0;
  for (const { key, value } of logFrom(table, shard, offset)) {
    const last = numberIn(key);
    if (last >= range.end) break;
    if (bytes > 0 && bytes + value.length > bytesMax) break;
    const fault = storedFault(value, last);
    if (fault !== null) {
      const damage = { shard, from: next, to: last + 1, reason: fault };
      if (limits.skipDamaged !== true && batches.length > 0) break;
      onDamaged(damage);
      if (limits.skipDamaged !== true) throw damagedError(damage);
      damaged.push(damage);
    } else {
      batches.push(value);
      bytes += value.length;
      messages += last + 1 - next;
    }
    next = last + 1;
    // The next entry is not even asked for: it would be copied out of LMDB's map only to be left.
    if (bytes >= bytesMax || messages >= messagesMax || damaged.length >= DAMAGED_MAX) break;
  }
  return { ...range, batches, next, damaged };
}

/** What is wrong with a stored batch, or null: its checksum, and its place as its key tells it. */
function storedFault(batch: Buffer, lastOffset: number): string | null {
  const fault = batchFault(batch);
  if (fault !== null) return fault;
  const header = batch.readBigInt64BE(0) + BigInt(countOf(batch) - 1);
  return header === BigInt(lastOffset)
    ? null
    : `its last offset is ${header}, and it is filed under ${lastOffset}`;
}

/** See Tablet.offsetAt. */
export function offsetAtTime(
  table: TabletTable,
  shard: number,
  range: ShardRange,
  timestampMs: number,
): number {
  const from = Math.max(range.start, indexedOffset(table, shard, timestampMs));
  for (const { key, value } of logFrom(table, shard, from)) {
    const last = numberIn(key);
    if (last >= range.end) break;
    if (value.length < HEADER_BYTES || maxTimestampOf(value) < timestampMs) continue;
    if (storedFault(value, last) !== null) continue;
    const found = firstAt(value, last, timestampMs);
    if (found !== null) return Math.max(found, range.start);
  }
  return range.end;
}

/** All messages before this offset are earlier than the time. */
function indexedOffset(table: TabletTable, shard: number, timestampMs: number): number {
  const before = Math.max(0, Math.ceil(timestampMs) - 1);
  const entries = table.getRange({
    start: timeKey(shard, before),
    end: timeBounds(shard).start,
    reverse: true,
    limit: 1,
  });
  for (const { key, value } of entries) return numberIn(key) < timestampMs ? decodeNumber(value) : 0;
  return 0;
}

/** The first record of that time or later; a batch that cannot be opened here counts from its first message. */
function firstAt(batch: Buffer, lastOffset: number, timestampMs: number): number | null {
  try {
    for (const record of recordsOf(batch)) if (record.timestampMs >= timestampMs) return record.offset;
    return null;
  } catch {
    return lastOffset - countOf(batch) + 1;
  }
}

/** Entries of the log from the batch that holds this offset on. */
function logFrom(table: TabletTable, shard: number, offset: number) {
  return table.getRange({ start: logKey(shard, offset), end: logBounds(shard).end });
}

function outOfRange(shard: number, { start, end }: ShardRange, offset: number): RoundhouseError {
  return new RoundhouseError(
    "OFFSET_OUT_OF_RANGE",
    `Cannot read shard ${shard} from offset ${offset}: it holds ${start} to ${end} (${end} waits for the next message)`,
    { source: "downstream" },
  );
}

function damagedError({ shard, from, to, reason }: Damage): RoundhouseError {
  return new RoundhouseError(
    "DAMAGED",
    `Cannot read offsets ${from} to ${to - 1} of shard ${shard}: the stored batch is damaged (${reason}); ` +
      `ask to skip damaged batches, or read on from ${to}`,
  );
}
