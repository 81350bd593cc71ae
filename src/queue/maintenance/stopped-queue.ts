// A whole data directory as files: copied, and made smaller. For a queue that is stopped; the directory is locked
// meanwhile. Each tablet is copied page by page in use (mdb_env_copy with compaction), so that a copy is also the
// smallest form of its tablet.
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import type { Log } from "../../telemetry/log.ts";
import { endSurvivors } from "../control/survivors.ts";
import { type DataDir, openDataDir } from "../data-dir.ts";
import { makeFolder, syncFolder } from "../durable-folder.ts";
import { copyLmdbFile } from "../stores/lmdb-copy.ts";

export interface Sizes {
  readonly files: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

const CATALOG = "catalog.lmdb";

/** Copies a queue into a directory that is empty or missing; from there it can be started as it is. */
export async function backUpStopped(path: string, to: string, log: Log): Promise<Sizes> {
  return withStopped(path, log, async ({ tabletCount, tabletName }) => {
    if (existsSync(join(to, CATALOG))) {
      throw new RoundhouseError(
        "NAME_TAKEN",
        `Cannot back up to ${to}: a queue is there already; choose an empty directory`,
      );
    }
    const copy = openDataDir(to, tabletCount);
    try {
      return await eachFile(path, tabletCount, tabletName, async (name) => {
        makeFolder(dirname(join(to, name)));
        await copyLmdbFile(join(path, name), join(to, name));
        return join(to, name);
      });
    } finally {
      syncFolder(join(to, "tablets"));
      syncFolder(to);
      copy.release();
    }
  });
}

/** Replaces each file by its smallest form; whatever happens, each is there whole, in the old form or the new. */
export async function compactStopped(path: string, log: Log): Promise<Sizes> {
  return withStopped(path, log, ({ tabletCount, tabletName }) =>
    eachFile(path, tabletCount, tabletName, async (name) => {
      const file = join(path, name);
      const small = `${file}.small`;
      rmSync(small, { force: true });
      await copyLmdbFile(file, small);
      renameSync(small, file);
      // The readers' table belongs to the file that is gone.
      rmSync(`${file}-lock`, { force: true });
      syncFolder(dirname(file));
      return file;
    }),
  );
}

async function eachFile(
  path: string,
  tabletCount: number,
  tabletName: (tablet: number) => string,
  work: (name: string) => Promise<string>,
): Promise<Sizes> {
  let [files, bytesBefore, bytesAfter] = [0, 0, 0];
  const names = [CATALOG, ...Array.from({ length: tabletCount }, (_, tablet) => tabletName(tablet))];
  for (const name of names) {
    if (!existsSync(join(path, name))) continue;
    const before = statSync(join(path, name)).size;
    bytesAfter += statSync(await work(name)).size;
    bytesBefore += before;
    files++;
  }
  return { files, bytesBefore, bytesAfter };
}

async function withStopped<T>(path: string, log: Log, run: (directory: DataDir) => Promise<T>): Promise<T> {
  requireDataDir(path);
  const directory = openDataDir(path, 1);
  try {
    await endSurvivors(path, log);
    return await run(directory);
  } finally {
    directory.release();
  }
}

/** Else a slip of the pen would make an empty queue. */
export function requireDataDir(path: string): void {
  if (existsSync(join(path, "roundhouse-queue.json"))) return;
  throw new RoundhouseError(
    "NOT_FOUND",
    `${path} is no data directory of a queue: it has no roundhouse-queue.json`,
    {
      source: "downstream",
    },
  );
}
