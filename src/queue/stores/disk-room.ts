// Whether there is room on the disk. Before a commit the file system is asked, because LMDB's native code does not always
// survive a commit that the disk cuts short. After one that failed all the same a file is really written: LMDB reports a
// write that was cut short as EIO, on a full disk too, and the free space that is stated knows nothing of quotas.
import { statfsSync } from "node:fs";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";

/** What "no room" is called: no space left, quota exceeded, file too large for the process's limit. */
const NO_ROOM = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Left to others who write at this moment: other tablets, and the ballast. */
const MARGIN_BYTES = 1024 * 1024;
/** As long as so much is left, it is enough to ask now and then. */
const PLENTY_BYTES = 1024 ** 3;
const ASK_EVERY_MS = 1000;

export interface DiskRoom {
  /** Whether this many more bytes fit; then they count as used. A file system that does not say has room. */
  covers(bytes: number): boolean;
}

export function createDiskRoom(folder: string): DiskRoom {
  let leftBytes = 0;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  return {
    covers(bytes) {
      const nowMs = performance.now();
      leftBytes -= bytes;
      if (leftBytes > PLENTY_BYTES && nowMs - askedAtMs < ASK_EVERY_MS) return true;
      askedAtMs = nowMs;
      leftBytes = freeBytes(folder) - bytes;
      return leftBytes >= MARGIN_BYTES;
    },
  };
}

/** What the folder's file system states. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

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
