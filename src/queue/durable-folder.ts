// Folders that survive a power cut. A new file or folder is only there for certain when the folder that names it has
// been synced too: fsync(2), "calling fsync() does not necessarily ensure that the entry in the directory containing
// the file has also reached disk".
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Makes the folder, and those above it that are missing, for good. Does nothing when it is there. */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  if (missing.length === 0) return;
  mkdirSync(path, { recursive: true });
  for (const folder of missing) syncFolder(dirname(folder));
}

/** What has been made, renamed or removed in this folder is so for good when this returns. */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
