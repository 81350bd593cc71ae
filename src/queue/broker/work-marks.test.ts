import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Tablet } from "../tablet.ts";
import { createWorkMarks, workedOn } from "./work-marks.ts";

const folder = mkdtempSync(join(tmpdir(), "work-marks-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A tablet whose reads look at the marks, and whose writes end when they are told to. */
function fakeTablet(tablet: number, seen: (number | undefined)[]) {
  let end = (): void => {};
  const fake = {
    tablet,
    note: () => {
      seen.push(workedOn(folder, "b"));
      return null;
    },
    setNote: () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  };
  return { tablet: fake as unknown as Tablet, end: () => end() };
}

describe("the marks of a broker's work", () => {
  it("tell what was read when it ended, and what was written if that was only one", async () => {
    assert.equal(workedOn(folder, "nobody"), undefined);
    const seen: (number | undefined)[] = [];
    const { marked } = createWorkMarks(folder, "b");
    const [three, seven] = [fakeTablet(3, seen), fakeTablet(7, seen)];
    const [readThree, readSeven] = [marked(three.tablet), marked(seven.tablet)];
    assert.equal(workedOn(folder, "b"), undefined);
    readThree.note("");
    readSeven.note("");
    readSeven.note("");
    assert.deepEqual(seen, [3, 7, 7]);
    await new Promise(setImmediate);
    assert.equal(workedOn(folder, "b"), undefined);

    const write = readThree.setNote("", null);
    assert.equal(workedOn(folder, "b"), 3);
    readSeven.note("");
    assert.deepEqual(seen.at(-1), 7);
    const another = readSeven.setNote("", null);
    await new Promise(setImmediate);
    assert.equal(workedOn(folder, "b"), undefined, "two are written");
    three.end();
    await write;
    assert.equal(workedOn(folder, "b"), 7);
    seven.end();
    await another;
    assert.equal(workedOn(folder, "b"), undefined);
  });

  it("cost the work nothing on a disk that does not take them", {
    skip: !existsSync("/dev/full") && "skipped: needs /dev/full",
  }, async () => {
    symlinkSync("/dev/full", join(folder, "working-full"));
    for (const dataDir of [folder, join(folder, "no", "such", "folder")]) {
      const one = fakeTablet(1, []);
      const marked = createWorkMarks(dataDir, "full").marked(one.tablet);
      assert.equal(marked.note(""), null);
      await new Promise(setImmediate);
      const write = marked.setNote("", null);
      one.end();
      await write;
    }
  });
});
