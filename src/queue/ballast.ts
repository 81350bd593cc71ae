// A file that takes up room so that there is some left when the disk is full: LMDB needs new pages even to delete, and
// retention on a full disk would otherwise never free anything.
import { existsSync } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { hasRoom } from "./stores/disk-room.ts";

const BALLAST_BYTES = 8 * 1024 * 1024;

/** Lays the ballast in, unless it is there; not while room for twice as much is lacking. Tells whether it lies. */
export async function layBallast(folder: string): Promise<boolean> {
  const path = join(folder, "ballast");
  if (existsSync(path)) return true;
  if (!(await hasRoom(folder, 2 * BALLAST_BYTES))) return false;
  const file = await open(`${path}.new`, "w");
  try {
    await file.writeFile(Buffer.alloc(BALLAST_BYTES));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return true;
}

/** Gives its room back. */
export async function dropBallast(folder: string): Promise<void> {
  await unlink(join(folder, "ballast")).catch(() => {});
}
