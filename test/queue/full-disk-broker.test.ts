// A broker that outlives a full disk by itself: a real small file system, in a mount namespace of its own.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "full-disk-broker-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const canMount = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;
const skip = canMount || process.env.CI === "true" ? false : "skipped: needs mount rights";

describe("a broker", () => {
  it("on a full disk refuses, serves reads, and goes on by itself as retention makes room", {
    skip,
  }, async () => {
    const mount = join(folder, "small");
    const program = fileURLToPath(new URL("full-disk-broker-program.ts", import.meta.url));
    const script = 'mkdir -p "$0" && mount -t tmpfs -o size=30m tmpfs "$0" && exec "$@"';
    const command = [process.execPath, "--import", "tsx", program, join(mount, "data"), "1500", "20000"];
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
    const report = JSON.parse(output) as Record<string, number>;
    assert.equal(report.stored, 1500);
    assert.ok((report.refused ?? 0) > 0, "the disk was full at least once");
    assert.equal(report.readsFailed, 0);
    assert.ok((report.respawns ?? 0) < 10, `${report.respawns} restarts of the broker`);
  });
});
