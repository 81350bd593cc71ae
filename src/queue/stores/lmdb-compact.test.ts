// A tablet's file made smaller while the tablet is written to and read: nothing is lost, all that is remembered stays
// true, and on a kill at any moment one of the two files is there whole.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  all,
  append,
  batch,
  messages,
  newFile,
  open,
  produced,
  withTablet,
} from "../../../test/queue/tablet-fixture.ts";

const large = "x".repeat(10_000);

/** Most of its file is room that nothing uses. */
async function withHoles(run: Parameters<typeof withTablet>[0], options = {}): Promise<void> {
  await withTablet(async (tablet, file) => {
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, () => append(tablet, large)));
    await tablet.truncate(0, { countMax: 10 });
    await run(tablet, file);
  }, options);
}

describe("compacting an open tablet", () => {
  for (const durability of ["synced", "written"] as const) {
    it(`makes its file smaller, and keeps what it holds (${durability})`, () =>
      withHoles(
        async (tablet, file) => {
          await tablet.append({ shard: 0, batch: produced(0, ["p"]) });
          await tablet.setPosition(0, "billing", 395);
          await tablet.setNote("home", Buffer.from("note"));
          const before = await all(tablet);
          const { bytesBefore, bytesAfter } = await tablet.compact();
          assert.ok(bytesBefore > 3_000_000 && bytesAfter < 300_000, `${bytesBefore} → ${bytesAfter}`);
          assert.equal(statSync(file).size, bytesAfter);
          assert.deepEqual(await all(tablet), before);
          assert.equal(tablet.position(0, "billing"), 395);
          assert.deepEqual(tablet.positions(0, 10), [["billing", 395]]);
          assert.equal(String(tablet.note("home")), "note");
          assert.equal((await tablet.append({ shard: 0, batch: produced(0, ["p"]) })).duplicate, true);
          assert.equal((await append(tablet, "next")).baseOffset, 401);
          assert.deepEqual(
            await tablet.compact().then((again) => again.bytesAfter <= bytesAfter + 65_536),
            true,
          );
          await tablet.close();
          const next = await open(file, 2, { durability });
          assert.deepEqual(await all(next), [...before, "401:next"]);
          assert.equal((await next.append({ shard: 0, batch: produced(0, ["p"]) })).duplicate, true);
          assert.equal(next.position(0, "billing"), 395);
          await next.close();
        },
        { durability },
      ));
  }

  it("loses nothing that is appended, read, committed or copied meanwhile", () =>
    withHoles(async (tablet, file) => {
      let over = false;
      let waited = 0;
      const acked: string[] = [];
      const writing = Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; !over; i++) {
          const { baseOffset } = await append(tablet, `${writer}/${i}`);
          acked.push(`${baseOffset}:${writer}/${i}`);
          await tablet.setPosition(0, `c${writer}`, baseOffset);
          assert.equal(tablet.position(0, `c${writer}`), baseOffset);
        }
      });
      const reading = (async () => {
        while (!over) {
          const { start, end } = tablet.range(0) ?? { start: 0, end: 0 };
          const { batches, next } = await tablet.read(0, Math.max(start, end - 5));
          assert.ok(batches.length > 0 && next === end);
          assert.ok((await tablet.offsetAt(0, 0)) === start);
          waited++;
          await new Promise(setImmediate);
        }
      })();
      const copy = newFile();
      for (let round = 0; round < 15; round++) {
        const fill = Array.from({ length: 50 }, () => append(tablet, large));
        const copying = round === 7 ? tablet.copyTo(copy) : null;
        await Promise.all([...fill, tablet.compact(), tablet.compact(), copying]);
        await tablet.truncate(0, { countMax: 3000 });
      }
      over = true;
      await Promise.all([...writing, reading]);
      assert.ok(waited > 0 && acked.length > 0);
      const there = new Set(await all(tablet));
      const start = tablet.range(0)?.start ?? 0;
      assert.deepEqual(
        acked.filter((one) => Number.parseInt(one, 10) >= start && !there.has(one)),
        [],
      );
      await tablet.close();
      const next = await open(file, 2);
      assert.deepEqual(new Set(await all(next)), there);
      await next.close();
      const copied = await open(copy, 2);
      assert.ok((await all(copied)).length > 0);
      await copied.close();
    }));

  it("holds appends back within the bounds of any wait, and answers them afterwards", () =>
    withHoles(
      async (tablet) => {
        const compacting = tablet.compact();
        await new Promise(setImmediate);
        const sends = Array.from({ length: 50 }, () => append(tablet, "y".repeat(10_000)));
        const results = await Promise.allSettled(sends);
        const refused = results.filter((one) => one.status === "rejected");
        assert.ok(refused.length > 0 && refused.length < 50);
        for (const one of refused) assert.equal(one.reason.code, "FULL");
        await compacting;
        assert.equal(tablet.range(0)?.end, 400 + 50 - refused.length);
      },
      { pendingBytesMax: 300_000 },
    ));

  it("is refused when another owner has the file, which stays the other's", () =>
    withHoles(async (tablet, file) => {
      const other = await open(file, 9);
      await assert.rejects(tablet.compact(), { code: "FENCED" });
      assert.equal((await append(other, "theirs")).baseOffset, 400);
      assert.deepEqual(messages(await other.read(0, 400)), ["400:theirs"]);
      await other.close();
    }));

  it("leaves everything as it was when the copy cannot be made", () =>
    withHoles(async (tablet, file) => {
      const size = statSync(file).size;
      mkdirSync(`${file}.small`); // in the copy's way
      await assert.rejects(tablet.compact());
      rmSync(`${file}.small`, { recursive: true });
      assert.equal(statSync(file).size, size);
      assert.equal((await append(tablet, "goes on")).baseOffset, 400);
      assert.ok((await tablet.compact()).bytesAfter < size);
    }));

  it("is not for a tablet that is closed, and a closing waits for it", () =>
    withHoles(async (tablet, file) => {
      const compacting = tablet.compact();
      await new Promise(setImmediate);
      await tablet.close();
      await compacting;
      await assert.rejects(tablet.compact(), { code: "SHUTTING_DOWN" });
      assert.ok(statSync(file).size < 300_000);
    }));

  it("takes away at the next opening what a crash has left of a copy", async () => {
    const file = newFile();
    for (const left of [`${file}.small`, `${file}.small-lock`]) writeFileSync(left, "half a copy");
    const tablet = await open(file, 1);
    assert.deepEqual([existsSync(`${file}.small`), existsSync(`${file}.small-lock`)], [false, false]);
    await tablet.createShard(0);
    await tablet.append({ shard: 0, batch: batch(["a"]) });
    await tablet.close();
  });
});
