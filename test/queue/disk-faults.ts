// A disk that fails when it is told to: builds the library of disk-faults.c, and writes the file that it reads.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const hasGcc = spawnSync("gcc", ["--version"]).status === 0;

/** For a test's options: why it is skipped, or false. In CI it never is. */
export const skipWithoutGcc = hasGcc || process.env.CI === "true" ? false : "skipped: needs gcc";

export interface DiskFaults {
  /** What a process is started with so that its disk obeys. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on; see disk-faults.c for what there is. */
  set(fault: string): void;
  clear(): void;
}

/** The library and the file lie in this folder. */
export function buildDiskFaults(folder: string): DiskFaults {
  const library = join(folder, "disk-faults.so");
  const source = fileURLToPath(new URL("disk-faults.c", import.meta.url));
  const built = spawnSync("gcc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
  assert.equal(built.status, 0, String(built.stderr));
  const control = join(folder, "fault");
  const clear = (): void => rmSync(control, { force: true });
  clear();
  return {
    env: { LD_PRELOAD: library, DISK_FAULT: control },
    set: (fault) => writeFileSync(control, fault),
    clear,
  };
}
