// A copy of everything while the queue goes on: each tablet as of one moment during the copying, by its owner, and the
// catalog last, so that no number is given out twice by a queue that is started from the copy.
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import { type Catalog, openCatalog } from "../catalog.ts";
import type { BackedUp } from "../control-command.ts";
import { type DataDir, openDataDir } from "../data-dir.ts";
import { makeFolder, syncFolder } from "../durable-folder.ts";
import { checkName } from "../names.ts";

export interface BackUpParts {
  readonly directory: DataDir;
  readonly catalog: Catalog;
  /** Has the tablet's owner copy it into this file. */
  copyTablet(tablet: number, to: string): Promise<void>;
}

/** Copies into `backups/NAME` of the data directory. NAME_TAKEN, BAD_REQUEST, and what copying fails with. */
export async function backUp(
  name: string,
  { directory, catalog, copyTablet }: BackUpParts,
): Promise<BackedUp> {
  checkName("backup", name);
  const to = join(directory.path, "backups", name);
  if (existsSync(to)) {
    throw new RoundhouseError(
      "NAME_TAKEN",
      `Cannot back up to ${to}: it exists; choose another name, or remove it`,
    );
  }
  const { tabletCount } = directory;
  try {
    const copy = openDataDir(to, tabletCount);
    const known = new Set(catalog.topics().flatMap(({ shards }) => shards.map(({ shard }) => shard)));
    makeFolder(join(to, "tablets"));
    for (let tablet = 0; tablet < tabletCount; tablet++) await copyTablet(tablet, copy.tabletFile(tablet));
    const catalogFile = join(to, "catalog.lmdb");
    await catalog.copyTo(catalogFile);
    await leaveOut(catalogFile, tabletCount, known);
    for (const folder of [join(to, "tablets"), to]) syncFolder(folder);
    copy.release();
    const files = [
      catalogFile,
      ...Array.from({ length: tabletCount }, (_, tablet) => copy.tabletFile(tablet)),
    ];
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    return { directory: to, files: files.length, bytes };
  } catch (error) {
    removeLeft(to);
    throw error;
  }
}

function removeLeft(to: string): void {
  try {
    rmSync(to, { recursive: true, force: true });
  } catch {
    // A disk that does not even take this back: why the backup has failed is what counts.
  }
}

/** Shards that came while the tablets were copied: not all of the copies have them. */
async function leaveOut(catalogFile: string, tabletCount: number, known: ReadonlySet<number>): Promise<void> {
  const copied = await openCatalog(catalogFile, tabletCount);
  try {
    for (const topic of copied.topics()) {
      const shards = topic.shards.filter(({ shard }) => known.has(shard));
      if (shards.length === 0) await copied.remove(topic.name);
      else if (shards.length < topic.shards.length) await copied.put({ ...topic, shards });
    }
  } finally {
    await copied.close();
  }
}
