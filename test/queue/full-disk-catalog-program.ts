// A catalog on a disk that others have filled to the last byte: topics are added until it refuses, epochs go on rising,
// topics are removed; then there is room again. Says what it went through.
//
//   node --import tsx test/queue/full-disk-catalog-program.ts DATA_DIR
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Catalog, openCatalog, type TopicEntry } from "../../src/queue/catalog.ts";

const [dataDir = ""] = process.argv.slice(2);
const file = join(dataDir, "catalog.lmdb");
const filler = join(dataDir, "filler");
mkdirSync(dataDir, { recursive: true });

/** Until not even a byte fits. */
function fillDisk(): void {
  const out = openSync(filler, "w");
  try {
    for (let bytes = 1024 * 1024; bytes >= 1; ) {
      try {
        if (writeSync(out, Buffer.alloc(bytes)) < bytes) bytes = Math.floor(bytes / 2);
      } catch {
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(out);
  }
}

/** A topic of some size. */
async function newTopic(catalog: Catalog, name: string): Promise<void> {
  const first = await catalog.reserveShards(100);
  const shards = Array.from({ length: 100 }, (_, i) => ({
    name: `P${i + 1}`,
    shard: first + i,
    seat: i + 1,
    tablet: (first + i) % 8,
  }));
  const topic: TopicEntry = { name, shards, retention: {}, createdAtMs: 0 };
  await catalog.put(topic);
}

let unhandled = 0;
process.on("unhandledRejection", () => unhandled++);
const catalog = await openCatalog(file, 8);
await newTopic(catalog, "first");
fillDisk();
let added = 0;
let refused = 0;
while (refused < 20) {
  try {
    await newTopic(catalog, `topic-${added}`);
    added++;
    if (added > 10_000) throw new Error("a full disk takes everything");
  } catch (error) {
    if ((error as { code?: string }).code !== "DISK_FULL") throw error;
    refused++;
  }
}
for (let epoch = 1; epoch <= 200; epoch++) {
  await catalog.setEpochs(new Map(Array.from({ length: 8 }, (_, tablet) => [tablet, epoch] as const)));
}
await catalog.remove("first");
const known = catalog.topics().length;
rmSync(filler);
await newTopic(catalog, "last");
await catalog.close();
const again = await openCatalog(file, 8);
const report = {
  refused,
  unhandled,
  known,
  found: again.topics().length,
  epoch: Math.min(...again.epochs()),
  doomed: again.doomed().length,
};
await again.close();
console.log(JSON.stringify(report));
