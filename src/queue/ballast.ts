// A file that takes up room so that there is some left when the disk is full: LMDB needs new pages even to delete, and
// retention on a full disk might otherwise never free anything.
import { existsSync } from "node:fs";
import { open, rename, statfs, unlink } from "node:fs/promises";
import { dirname } from "node:path";

const BALLAST_BYTES = 8 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
/** What the ballast leaves on a disk that is full: for the commits of this moment. */
const LEFT_BYTES = 2 * 1024 * 1024;

/** Lays the ballast in, unless it is there or the disk has not twice its room left. */
export async function layBallast(file: string): Promise<void> {
  if (existsSync(file)) return;
  if ((await freeBytes(file)) >= 2 * BALLAST_BYTES) await takeRoom(file);
}

/**
 * Lets the work run in the ballast's room, and takes up again what is left of that afterwards, before others do.
 * On a disk that is full the ballast may shrink; it is whole again after the next time that there was none.
 */
export async function inBallastRoom(file: string, work: () => Promise<unknown>): Promise<void> {
  await unlink(file).catch(() => {});
  try {
    await work();
  } finally {
    await takeRoom(file);
  }
}

async function freeBytes(file: string): Promise<number> {
  const { bavail, bsize } = await statfs(dirname(file));
  return bavail * bsize;
}

/** As many pieces as fit. */
async function takeRoom(path: string): Promise<void> {
  const file = await open(`${path}.new`, "w");
  const piece = Buffer.alloc(PIECE_BYTES);
  try {
    for (let bytes = 0; bytes < BALLAST_BYTES; bytes += PIECE_BYTES) {
      if ((await freeBytes(path)) < PIECE_BYTES + LEFT_BYTES) break;
      await file.writeFile(piece);
    }
    await file.sync();
  } catch {
    // The disk is full: what there is must do.
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
