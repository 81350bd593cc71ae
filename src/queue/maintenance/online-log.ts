// The messages of a queue that runs, over its API. Its brokers compare every batch's checksum when they read it from the
// disk.
import { RoundhouseError } from "../../errors.ts";
import type { QueueApi } from "../client/api.ts";
import { mayPass } from "../client/producer.ts";
import { retry } from "../client/retry.ts";
import type { LogPart, LogSource, ShardLog } from "./log-source.ts";

const PART_BYTES = 4 * 1024 * 1024;
/** For a shard whose owner changes meanwhile. */
const RETRY_MS = 30_000;

export function createOnlineLog(api: QueueApi): LogSource {
  const again = { withinMs: RETRY_MS, mayPass };
  return {
    async shards() {
      const logs: ShardLog[] = [];
      for (const { name } of await retry(() => api.topics(), again)) {
        const { shards } = await retry(() => api.topic(name), again);
        for (const { name: shard, start, end } of shards) logs.push({ topic: name, shard, start, end });
      }
      return logs;
    },
    async read(log, offset) {
      try {
        return await retry(() => readPart(api, log, offset), again);
      } catch (error) {
        if (!(error instanceof RoundhouseError) || error.code !== "OFFSET_OUT_OF_RANGE") throw error;
        // Retention has run meanwhile: what it took is no gap.
        const { shards } = await retry(() => api.topic(log.topic), again);
        const start = shards.find((one) => one.name === log.shard)?.start ?? log.end;
        return { batches: [], gaps: [], next: Math.max(start, offset + 1) };
      }
    },
    async close() {},
  };
}

async function readPart(api: QueueApi, log: ShardLog, offset: number): Promise<LogPart> {
  try {
    const part = await api.fetch(log, { offset, bytesMax: PART_BYTES, waitMs: 0 });
    return { ...part, gaps: [] };
  } catch (error) {
    if (!(error instanceof RoundhouseError) || error.code !== "DAMAGED") throw error;
    return { batches: [], ...(await api.gapsAt(log, offset)) };
  }
}
