// What one append does to the transaction it is part of: decide, stamp, file, and keep the time index sparse.
import { RoundhouseError } from "../../errors.ts";
import { admit, remember } from "../producers.ts";
import { type BatchHeader, stampBatch } from "../record-batch.ts";
import type { Append, Appended } from "../tablet.ts";
import type { Draft, ShardDraft } from "./lmdb-draft.ts";
import { encodeNumber, logKeyToPut, timeKey } from "./lmdb-layout.ts";

/** The time index gets an entry after this many bytes or batches: what a lookup by time then has to scan. */
const INDEX_EVERY_BYTES = 16 * 1024;
const INDEX_EVERY_BATCHES = 64;

/** Stages one append, or throws the RoundhouseError that refuses it before anything is staged. */
export function stageAppend(
  draft: Draft,
  { shard: number, batch, expectedOffset }: Append,
  header: BatchHeader,
  epoch: number,
  nowMs: number,
): Appended {
  const shard = draft.shard(number);
  const state = header.producerId === -1 ? undefined : draft.producer(number, header.producerId);
  const verdict = admit(state, header);
  if (verdict.kind === "duplicate") {
    return { baseOffset: verdict.baseOffset, count: header.count, duplicate: true };
  }
  if (verdict.kind === "refuse") throw refusal(number, verdict.code, verdict.reason);
  if (expectedOffset !== undefined && expectedOffset !== shard.end) throw mismatch(shard, expectedOffset);

  const baseOffset = shard.end;
  stampBatch(batch, baseOffset, epoch);
  indexTime(draft, shard);
  shard.end += header.count;
  shard.bytes += batch.length;
  shard.sinceIndexBytes += batch.length;
  shard.sinceIndexBatches++;
  if (header.maxTimestampMs > shard.maxTimestampMs) shard.maxTimestampMs = header.maxTimestampMs;
  if (nowMs > shard.appendedAtMs) shard.appendedAtMs = nowMs;
  draft.put(logKeyToPut(number, shard.end - 1), batch, shard.appendedAtMs);
  if (header.producerId !== -1) draft.setProducer(number, remember(state, header, baseOffset));
  return { baseOffset, count: header.count, duplicate: false };
}

/** "No message before this one is later than …": the larger the offset under a time, the more it says. */
function indexTime(draft: Draft, shard: ShardDraft): void {
  if (shard.sinceIndexBytes < INDEX_EVERY_BYTES && shard.sinceIndexBatches < INDEX_EVERY_BATCHES) return;
  draft.put(timeKey(shard.shard, shard.maxTimestampMs), encodeNumber(shard.end), 0);
  shard.sinceIndexBytes = 0;
  shard.sinceIndexBatches = 0;
}

function mismatch({ shard, end }: ShardDraft, expectedOffset: number): RoundhouseError {
  const reason = `the shard ends at offset ${end}, and the append expects ${expectedOffset}; read up to ${end} first`;
  return refusal(shard, "OFFSET_MISMATCH", reason);
}

function refusal(shard: number, code: RoundhouseError["code"], reason: string): RoundhouseError {
  return new RoundhouseError(code, `Cannot append to shard ${shard}: ${reason}`, { source: "downstream" });
}
