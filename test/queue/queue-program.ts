// An application with a queue of its own: opens it, says how long that took, and produces until it is killed.
//
//   node --import tsx test/queue/queue-program.ts DATA_DIR
import { openQueue } from "../../src/queue/queue.ts";

const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
const startedMs = performance.now();
const queue = await openQueue({ dataDir: process.argv[2] ?? "" });
say({ readyMs: performance.now() - startedMs });
if (!queue.topics().includes("t")) await queue.createTopic("t", { shards: 3 });
const { shards } = await queue.topic("t");
let sent = shards.reduce((sum, shard) => sum + shard.end, 0);
for (;;) {
  const key = `key ${sent % 7}`;
  const { shard, offset } = await queue.produce("t", { key, value: `${sent}` });
  say({ sent: sent++, shard, offset });
}
