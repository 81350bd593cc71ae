// A broker that outlives a full disk by itself: a real small file system, in a mount namespace of its own.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { runOnSmallDisk, skipWithoutMounts as skip } from "./small-disk.ts";

const folder = mkdtempSync(join(tmpdir(), "full-disk-broker-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("a broker", () => {
  it("on a full disk refuses, serves reads, and goes on by itself as retention makes room", {
    skip,
  }, async () => {
    const report = await runOnSmallDisk(folder, new URL("full-disk-broker-program.ts", import.meta.url), [
      "1500",
      "20000",
    ]);
    assert.equal(report.stored, 1500);
    assert.ok((report.refused ?? 0) > 0, "the disk was full at least once");
    assert.equal(report.readsFailed, 0);
    assert.equal(report.respawns, 0, "the broker has survived it");
  });
});
