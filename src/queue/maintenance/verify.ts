// Reads everything and says what is wrong: batches whose checksum does not match, records that do not fit their batch,
// offsets that do not follow each other.
import type { DamagedRange } from "../client/api.ts";
import { batchFault, readHeader } from "../record-batch.ts";
import { recordsOf } from "../records.ts";
import { type LogPart, type LogSource, partsOf, type ShardLog } from "./log-source.ts";

export interface VerifiedShard extends ShardLog {
  readonly messages: number;
  readonly batches: number;
  readonly bytes: number;
  /** Messages that cannot be read. */
  readonly gaps: readonly DamagedRange[];
}

/** One shard after another. */
export async function* verifyAll(source: LogSource): AsyncGenerator<VerifiedShard> {
  for (const log of await source.shards()) yield await verifyShard(source, log);
}

async function verifyShard(source: LogSource, log: ShardLog): Promise<VerifiedShard> {
  const gaps: DamagedRange[] = [];
  const sums = { messages: 0, batches: 0, bytes: 0 };
  for await (const part of partsOf(source, log)) {
    gaps.push(...part.gaps);
    let expected = part.offset;
    for (const batch of part.batches) {
      const { baseOffset, count } = readHeader(batch);
      const passed = part.gaps.some(({ from, to }) => from <= expected && baseOffset <= to);
      if (baseOffset > expected && !passed) {
        gaps.push({ from: expected, to: baseOffset, reason: "no batch has these offsets" });
      }
      const reason = batchFault(batch) ?? recordsFault(batch);
      if (reason !== null) gaps.push({ from: baseOffset, to: baseOffset + count, reason });
      sums.messages += count - Math.max(0, part.offset - baseOffset);
      sums.batches++;
      sums.bytes += batch.length;
      expected = baseOffset + count;
    }
    checkEnd(part, expected, log, gaps);
  }
  return { ...log, ...sums, gaps };
}

/** A part that ends before the log does and brings nothing, and says nothing, would otherwise pass for sound. */
function checkEnd(part: LogPart, expected: number, log: ShardLog, gaps: DamagedRange[]): void {
  const silent = part.batches.length === 0 && part.gaps.length === 0;
  if (silent && part.next <= expected && expected < log.end) {
    gaps.push({ from: expected, to: log.end, reason: "nothing is there" });
  }
}

function recordsFault(batch: Buffer): string | null {
  try {
    for (const _ of recordsOf(batch));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
