// A disk that is too small: a real file system in memory, in a mount namespace of its own, and a program that runs on it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const canMount = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

/** For a test's options: why it is skipped, or false. In CI it never is. */
export const skipWithoutMounts =
  canMount || process.env.CI === "true" ? false : "skipped: needs mount rights";

/** Runs a program on 30 MB below `folder`; it gets a data directory there, and tells its figures as JSON. */
export async function runOnSmallDisk(
  folder: string,
  program: URL,
  args: readonly string[],
): Promise<Record<string, number>> {
  const mount = join(folder, "small");
  const script = 'mkdir -p "$0" && mount -t tmpfs -o size=30m tmpfs "$0" && exec "$@"';
  const command = [process.execPath, "--import", "tsx", fileURLToPath(program), join(mount, "data"), ...args];
  const child = spawn("unshare", ["--mount", "sh", "-c", script, mount, ...command]);
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  const [status] = (await once(child, "close")) as [number];
  assert.equal(status, 0, errors);
  return JSON.parse(output) as Record<string, number>;
}
