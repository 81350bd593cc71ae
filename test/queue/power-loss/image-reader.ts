// Opens the queue in each directory that a line of input names and tells, a line each, what is in it. A program of its
// own, since a damaged file may end the process that maps it, and that must be one image's finding and not the test's.
//
//   node --import tsx test/queue/power-loss/image-reader.ts
import { createInterface } from "node:readline";
import { openQueue } from "../../../src/queue/queue.ts";

/** What one image holds. */
export interface ImageContents {
  readonly directory: string;
  /** The queue could not be opened or read; the rest is then missing. */
  readonly error?: string;
  readonly topics: readonly string[];
  /** First word of each message of the topic `kept`, by shard; the index is the offset. */
  readonly kept: Readonly<Record<string, readonly string[]>>;
  /** Where the consumer `reader` of the topic `short` goes on, by shard. */
  readonly places: Readonly<Record<string, number>>;
}

async function contentsOf(directory: string): Promise<ImageContents> {
  const queue = await openQueue({ dataDir: directory, tablets: 4, retentionEveryMs: 0 });
  const kept: Record<string, string[]> = {};
  const places: Record<string, number> = {};
  for (const topic of queue.topics()) {
    const { shards } = await queue.topic(topic);
    for (const { name, start, end } of shards) {
      const texts: string[] = [];
      for (let offset = start; offset < end; ) {
        const messages = await queue.read(topic, name, offset); // compares every checksum
        for (const { value } of messages) texts.push(String(value).split(" ", 1)[0] as string);
        offset = (messages.at(-1)?.offset ?? end) + 1;
      }
      if (topic === "kept") kept[name] = texts;
    }
    if (topic !== "short") continue;
    const consumer = await queue.consumer(topic, "reader");
    for (const { shard, offset } of await consumer.poll({ messagesMax: 10_000 })) places[shard] ??= offset;
    for (const { name, end } of shards) places[name] ??= end;
  }
  const topics = queue.topics();
  await queue.close();
  return { directory, topics, kept, places };
}

for await (const directory of createInterface({ input: process.stdin })) {
  const contents = await contentsOf(directory).catch((error: Error) => ({ directory, error: error.message }));
  process.stdout.write(`${JSON.stringify(contents)}\n`);
}
