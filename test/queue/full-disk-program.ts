// An application on a disk that is too small: it produces more than fits, with a retention that allows less, and tries
// again whenever the disk is full. Says what it went through when all is sent.
//
//   node --import tsx test/queue/full-disk-program.ts DATA_DIR MESSAGES BYTES
import { existsSync } from "node:fs";
import { join } from "node:path";
import { openQueue } from "../../src/queue/queue.ts";

const [dataDir = "", messages = "0", bytes = "0"] = process.argv.slice(2);
let unhandled = 0;
process.on("unhandledRejection", () => unhandled++);
const queue = await openQueue({ dataDir, tablets: 1, retentionEveryMs: 0 });
await queue.createTopic("t", { retention: { countMax: 100 } });
while (!existsSync(join(dataDir, "ballast"))) await new Promise((resolve) => setTimeout(resolve, 50));

const value = Buffer.alloc(Number(bytes));
let refused = 0;
let readWhileFull = 0;
for (let sent = 0; sent < Number(messages); ) {
  try {
    const { offset } = await queue.produce("t", { value });
    if (offset !== sent) throw new Error(`offset ${offset} where ${sent} was expected`);
    sent++;
  } catch (error) {
    if ((error as { code?: string }).code !== "DISK_FULL") throw error;
    refused++;
    const { shards } = await queue.topic("t");
    readWhileFull += (await queue.read("t", "P1", shards[0]?.start ?? 0)).length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const { shards } = await queue.topic("t");
await queue.close();
console.log(JSON.stringify({ refused, readWhileFull, unhandled, end: shards[0]?.end }));
