// One read of a shard, at the broker that has its tablet open: from where it begins to what it found, and the wait for a
// message when there is none yet. Who that broker is, is for shards.ts.
import type { BrokerNode } from "../broker/node.ts";
import type { Fetched, Tablet } from "../tablet.ts";
import { rangeOf } from "./tablet-call.ts";

export interface ShardRead {
  /** Where to begin; a consumer's name: where that one stands, or the oldest message when that is later. */
  readonly offset: number | string;
  readonly bytesMax: number;
  /** Default: as many as `bytesMax` has room for. */
  readonly messagesMax?: number | undefined;
  readonly skipDamaged: boolean;
  /** How long to wait for a message when there is none at `offset`. */
  readonly waitMs: number;
  /** Ends the wait; asked for only where it waits, since making a signal costs more than reading. */
  readonly signal?: (() => AbortSignal) | undefined;
}

/** What was read, and the offset that it begins with. */
export interface ReadFrom extends Fetched {
  readonly from: number;
}

/** Reads, and waits for a message if there is none yet. */
export async function readWaiting(
  node: BrokerNode,
  tablet: Tablet,
  shard: number,
  { offset, bytesMax, messagesMax, skipDamaged, waitMs, signal }: ShardRead,
): Promise<ReadFrom> {
  const limits = { bytesMax, skipDamaged, ...(messagesMax === undefined ? {} : { messagesMax }) };
  const readNow = async (): Promise<ReadFrom> => {
    const from = typeof offset === "number" ? offset : placeOf(tablet, shard, offset);
    return { ...(await tablet.read(shard, from, limits)), from };
  };
  const first = await readNow();
  if (waitMs <= 0 || first.next > first.from) return first;
  const untilMs = performance.now() + waitMs;
  const ends = signal?.();
  for (;;) {
    const leftMs = untilMs - performance.now();
    const mayWait = leftMs > 0 && ends?.aborted !== true;
    // The wait begins before the read, so that what is appended in between is not slept through.
    const wait = mayWait ? node.awaitAppend([shard], leftMs, ends) : null;
    try {
      const read = await readNow();
      if (wait === null || read.next > read.from) return read;
      await wait.over;
    } finally {
      wait?.cancel();
    }
  }
}

/** Retention may have overtaken a slow consumer: it goes on with the oldest message that is left. */
function placeOf(tablet: Tablet, shard: number, consumer: string): number {
  return Math.max(tablet.position(shard, consumer) ?? 0, rangeOf(tablet, shard).start);
}
