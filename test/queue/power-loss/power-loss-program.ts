// An application with a queue of its own that keeps its disk busy in every way that a queue can: produces of one and of
// many, in several shards at once, small and larger than a page, places committed, retention, topics made and removed.
// Each line tells what was acknowledged and when, by the clock that the disk's trace has.
//
//   node --import tsx test/queue/power-loss/power-loss-program.ts DATA_DIR DURABILITY
import { type Durability, openQueue } from "../../../src/queue/queue.ts";

/** What was acknowledged. */
export type Acknowledged =
  | { readonly produced: string; readonly shard: string; readonly offset: number; readonly atNs: string }
  | { readonly committed: number; readonly shard: string; readonly atNs: string }
  | { readonly created: string; readonly atNs: string };

const [dataDir = "", durability = "synced"] = process.argv.slice(2);
const say = (what: object): void =>
  void process.stdout.write(`${JSON.stringify({ ...what, atNs: String(process.hrtime.bigint()) })}\n`);

const queue = await openQueue({
  dataDir,
  durability: durability as Durability,
  tablets: 4,
  retentionEveryMs: 0,
});
await queue.createTopic("kept", { shards: 3 });
say({ created: "kept" });
await queue.createTopic("short", { shards: 2, retention: { countMax: 20 } });
say({ created: "short" });

async function produce(worker: number): Promise<void> {
  for (let i = 0; ; i++) {
    const messages = Array.from({ length: 1 + ((i * 7 + worker) % 12) }, (_, k) => ({
      key: `${worker} ${i} ${k}`,
      value: `${worker}.${i}.${k} `.padEnd(10 + ((i * 131 + k * 977) % 6_000), "x"),
    }));
    const answers = await queue.produceAll("kept", messages);
    for (const [k, { shard, offset }] of answers.entries()) {
      say({ produced: `${worker}.${i}.${k}`, shard, offset });
    }
  }
}

async function consume(): Promise<void> {
  const consumer = await queue.consumer("short", "reader");
  let taken = 0;
  for (;;) {
    await queue.produce("short", { value: "a".repeat(500 + (taken % 3000)) });
    for (const message of await consumer.poll({ waitMs: 0 })) {
      await consumer.commit(message);
      say({ committed: message.offset + 1, shard: message.shard });
      taken++;
    }
    if (taken % 10 === 0) await queue.applyRetention();
  }
}

async function makeAndRemove(): Promise<void> {
  for (let i = 0; ; i++) {
    await queue.createTopic(`passing-${i}`, { shards: 2 });
    await queue.produce(`passing-${i}`, { value: "gone soon" });
    if (i > 0) await queue.deleteTopic(`passing-${i - 1}`);
  }
}

await Promise.all([produce(1), produce(2), consume(), makeAndRemove()]);
