// A queue that outlives a full disk by itself: a real small file system, in a mount namespace of its own.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { runOnSmallDisk, skipWithoutMounts as skip } from "./small-disk.ts";

const folder = mkdtempSync(join(tmpdir(), "full-disk-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("a queue on a disk that is too small", () => {
  it("takes in several times the disk's size, as retention makes room", { skip }, async () => {
    const report = await runOnSmallDisk(folder, new URL("full-disk-program.ts", import.meta.url), [
      "4000",
      "20000",
    ]);
    assert.equal(report.end, 4000);
    assert.ok((report.refused ?? 0) > 0, "the disk was full at least once");
    assert.ok((report.readWhileFull ?? 0) > 0, "reads went on meanwhile");
    assert.equal(report.unhandled, 0);
  });

  it("refuses topics that its catalog has no room for, and goes on changing owners and removing topics", {
    skip,
  }, async () => {
    const program = new URL("full-disk-catalog-program.ts", import.meta.url);
    const report = await runOnSmallDisk(folder, program, []);
    assert.deepEqual(report, {
      refused: 20,
      unhandled: 0,
      known: report.found === undefined ? -1 : report.found - 1,
      found: report.found,
      epoch: 200,
      doomed: 100,
    });
  });
});
