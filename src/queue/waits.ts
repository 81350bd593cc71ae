// Who waits for the next message of which shard: the long polls of one process.
import type { AppendWait } from "./consumer.ts";

export interface Waits {
  begin(shards: readonly number[], waitMs: number, signal?: AbortSignal): AppendWait;
  /** Something happened to this shard: those who wait for it look again. */
  wake(shard: number): void;
  /** Ends every wait, and lets no new one last. */
  close(): void;
}

export function createWaits(): Waits {
  const waiting = new Map<number, Set<() => void>>();
  let closed = false;

  function begin(shards: readonly number[], waitMs: number, signal?: AbortSignal): AppendWait {
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const timer = setTimeout(end, waitMs);
    signal?.addEventListener("abort", end, { once: true });
    for (const shard of shards) {
      const set = waiting.get(shard) ?? new Set();
      waiting.set(shard, set.add(end));
    }
    if (closed || signal?.aborted === true) end();
    function cancel(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      for (const shard of shards) {
        const set = waiting.get(shard);
        set?.delete(end);
        if (set?.size === 0) waiting.delete(shard);
      }
      end();
    }
    return { over, cancel };
  }

  return {
    begin,
    wake(shard) {
      for (const end of waiting.get(shard) ?? []) end();
    },
    close() {
      closed = true;
      for (const set of waiting.values()) for (const end of set) end();
    },
  };
}
