// The messages in a data directory that nobody uses. It is locked meanwhile, and its tablets are opened as an owner opens
// them, so that nobody else may write.
import { join } from "node:path";
import type { Log } from "../../telemetry/log.ts";
import { openCatalog } from "../catalog.ts";
import { endSurvivors } from "../control/survivors.ts";
import { type DataDir, openDataDir } from "../data-dir.ts";
import { createTablets } from "../tablets.ts";
import type { LogSource } from "./log-source.ts";
import { requireDataDir } from "./stopped-queue.ts";

const PART_BYTES = 4 * 1024 * 1024;

/** Rejects with DATA_DIR_IN_USE, DATA_FORMAT, or NOT_FOUND when it is no data directory. */
export async function openStoredLog(path: string, log: Log): Promise<LogSource> {
  requireDataDir(path);
  const directory: DataDir = openDataDir(path, 1);
  try {
    await endSurvivors(path, log);
    const catalog = await openCatalog(join(path, "catalog.lmdb"), directory.tabletCount);
    const epochs = await catalog.raiseEpochs();
    const remember = catalog.setEpochs;
    const tablets = createTablets({ directory, epochs, remember, durability: "synced", events: {} });
    const places = new Map(
      catalog
        .topics()
        .flatMap(({ name: topic, shards }) =>
          shards.map((shard) => [`${topic}/${shard.name}`, { topic, ...shard }] as const),
        ),
    );
    const placeOf = async ({ topic, shard: name }: { topic: string; shard: string }) => {
      const place = places.get(`${topic}/${name}`);
      if (place === undefined) throw new RangeError(`no shard ${topic}/${name}`);
      return { shard: place.shard, tablet: await tablets.get(place.tablet) };
    };
    return {
      async shards() {
        const logs = [...places.values()].map(async ({ topic, name }) => {
          const { shard, tablet } = await placeOf({ topic, shard: name });
          const { start, end } = tablet.range(shard) ?? { start: 0, end: 0 };
          return { topic, shard: name, start, end };
        });
        return Promise.all(logs);
      },
      async read(one, offset) {
        const { shard, tablet } = await placeOf(one);
        const fetched = await tablet.read(shard, offset, { bytesMax: PART_BYTES, skipDamaged: true });
        return { batches: fetched.batches, gaps: fetched.damaged, next: fetched.next };
      },
      async close() {
        await tablets.close();
        await catalog.close();
        directory.release();
      },
    };
  } catch (error) {
    directory.release();
    throw error;
  }
}
