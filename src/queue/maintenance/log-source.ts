// All messages of a queue, shard by shard, for those who look at everything: verify and dump. Two ways to them: a system
// that runs, over its API (online-log.ts), and a data directory that nobody uses (stored-log.ts).
import type { DamagedRange } from "../client/api.ts";

export interface ShardLog {
  readonly topic: string;
  readonly shard: string;
  /** Offset of the oldest message kept, and the one after the newest, when the source was opened. */
  readonly start: number;
  readonly end: number;
}

export interface LogPart {
  /** Whole batches whose checksums were right when they were read; the first may begin before the offset. */
  readonly batches: readonly Buffer[];
  /** What was passed over. */
  readonly gaps: readonly DamagedRange[];
  /** Where to read on; always further than the offset, unless that was the end. */
  readonly next: number;
}

export interface LogSource {
  shards(): Promise<readonly ShardLog[]>;
  read(log: ShardLog, offset: number): Promise<LogPart>;
  close(): Promise<void>;
}

/** The parts of a shard's log, from its oldest message to its end. */
export async function* partsOf(
  source: LogSource,
  log: ShardLog,
): AsyncGenerator<LogPart & { offset: number }> {
  for (let offset = log.start; offset < log.end; ) {
    const part = await source.read(log, offset);
    yield { ...part, offset };
    if (part.next <= offset) return;
    offset = part.next;
  }
}
