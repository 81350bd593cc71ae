import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { append, batch, code, newFile, open, withTablet } from "../../../test/queue/tablet-fixture.ts";

describe("retention", () => {
  it("by count keeps at least the newest, whole batches", () =>
    withTablet(async (tablet) => {
      for (const text of ["a", "b", "c"]) await append(tablet, text, text);
      assert.equal(await tablet.truncate(0, { countMax: 3 }), 2);
      assert.deepEqual(tablet.range(0)?.start, 2);
      await assert.rejects(tablet.read(0, 1), code("OFFSET_OUT_OF_RANGE", /it holds 2 to 6/));
      assert.equal(await tablet.truncate(0, { countMax: 3 }), 0);
    }));

  it("by bytes and by age; the start stays after a restart, and offsets are never used again", async () => {
    const file = newFile();
    let clock = 10_000;
    const tablet = await open(file, 1, { nowMs: () => clock });
    await tablet.createShard(0);
    const size = batch(["a"]).length;
    for (const text of ["a", "b", "c", "d"]) {
      await append(tablet, text);
      clock += 1000;
    }
    assert.equal(await tablet.truncate(0, { bytesMax: 3 * size }), 1);
    assert.equal(tablet.range(0)?.bytes, 3 * size);
    assert.equal(await tablet.truncate(0, { ageMs: 2000 }), 1); // now 14,000: b of 11,000 goes, c of 12,000 stays
    clock += 100_000;
    assert.equal(await tablet.truncate(0, { ageMs: 2000 }), 2);
    await tablet.close();
    const next = await open(file, 2, { nowMs: () => clock });
    assert.deepEqual(next.range(0), { start: 4, end: 4, bytes: 0 });
    assert.equal((await append(next, "e")).baseOffset, 4);
    await next.close();
  });

  it("goes by the owner's clock, and a clock that steps back removes nothing too early", () => {
    let clock = 50_000;
    return withTablet(
      async (tablet) => {
        await append(tablet, "a");
        clock = 20_000;
        await append(tablet, "b");
        assert.equal(await tablet.truncate(0, { ageMs: 5000 }), 0);
        clock = 54_000;
        assert.equal(await tablet.truncate(0, { ageMs: 5000 }), 0);
        clock = 56_000;
        assert.equal(await tablet.truncate(0, { ageMs: 5000 }), 2);
      },
      { nowMs: () => clock },
    );
  });

  it("removes thousands in steps while appends go on", () =>
    withTablet(async (tablet) => {
      const sends = Array.from({ length: 3000 }, (_, i) => append(tablet, `m${i}`));
      await Promise.all(sends);
      const [removed] = await Promise.all([
        tablet.truncate(0, { countMax: 10 }),
        append(tablet, "z"),
        append(tablet, "z"),
      ]);
      assert.ok(removed >= 2990 && removed <= 2992, String(removed));
      assert.equal(tablet.range(0)?.end, 3002);
    }));
});
