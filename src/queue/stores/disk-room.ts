// Tells a full disk from a failing one. LMDB reports a write that was cut short as EIO, on a full disk too, and the
// free space that a file system states knows nothing of quotas: so a file of the size in question is really written.
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";

/** What "no room" is called: no space left, quota exceeded, file too large for the process's limit. */
const NO_ROOM = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

let probes = 0;

/** Whether `bytes` more fit into the folder's file system. A probe that fails for another reason counts as room. */
export async function hasRoom(folder: string, bytes: number): Promise<boolean> {
  const path = join(folder, `.room-${process.pid}-${++probes}`);
  try {
    const file = await open(path, "wx");
    try {
      await file.writeFile(Buffer.alloc(bytes));
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    return !NO_ROOM.has((error as NodeJS.ErrnoException).code ?? "");
  } finally {
    await unlink(path).catch(() => {});
  }
}
