import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  append,
  batch,
  code,
  messages,
  newFile,
  open,
  withTablet,
} from "../../../test/queue/tablet-fixture.ts";
import { packBatch } from "../records.ts";
import type { Damage } from "../tablet.ts";

describe("reading by time", () => {
  it("finds the first message of that time or later, as a walk would", () =>
    withTablet(async (tablet) => {
      const times = fc.sample(fc.integer({ min: 1, max: 5000 }), { numRuns: 700, seed: 11 });
      const batches: number[][] = [];
      for (let i = 0; i < times.length; i += 1 + (i % 3)) batches.push(times.slice(i, i + 1 + (i % 3)));
      const flat = batches.flat();
      const sends = batches.map((group) =>
        tablet.append({
          shard: 0,
          batch: packBatch(
            group.map((timestampMs) => ({ value: Buffer.alloc(120), timestampMs })),
            { timestampMs: 0 },
          ),
        }),
      );
      await Promise.all(sends);
      for (let time = -1; time <= 5001; time += 7) {
        const walked = flat.findIndex((one) => one >= time);
        assert.equal(await tablet.offsetAt(0, time), walked === -1 ? flat.length : walked, `time ${time}`);
      }
    }));

  it("scans little of a long log whose clock moves on", () =>
    withTablet(async (tablet) => {
      const count = 5000;
      const sends = Array.from({ length: count }, (_, i) =>
        tablet.append({ shard: 0, batch: batch([`m${i}`], 1_000_000 + i) }),
      );
      await Promise.all(sends);
      for (const i of [0, 1, 63, 64, 65, 2500, 4999]) {
        assert.equal(await tablet.offsetAt(0, 1_000_000 + i), i);
      }
      assert.equal(await tablet.offsetAt(0, 1_000_000 + count), count);
    }));

  it("survives the removal of what its index points to", () =>
    withTablet(async (tablet) => {
      const sends = Array.from({ length: 300 }, (_, i) =>
        tablet.append({ shard: 0, batch: batch([`m${i}`], 1000 + i) }),
      );
      await Promise.all(sends);
      await tablet.truncate(0, { countMax: 100 });
      assert.equal(tablet.range(0)?.start, 200);
      assert.equal(await tablet.offsetAt(0, 1000), 200);
      assert.equal(await tablet.offsetAt(0, 1250), 250);
    }));
});

describe("damage", () => {
  /** Flips a bit of a message where it lies in the file. */
  function damage(file: string, text: string): void {
    const bytes = readFileSync(file);
    let found = 0;
    for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) {
      bytes[at] = (bytes[at] as number) ^ 4;
      found++;
    }
    assert.ok(found > 0, `${text} lies in ${file}`);
    writeFileSync(file, bytes);
  }

  it("is found by its checksum, told with shard and offset, and takes nothing else down", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    await tablet.createShard(0);
    await append(tablet, "healthy one");
    await append(tablet, "doomed message", "and its neighbour");
    await append(tablet, "healthy two");
    await tablet.close();
    damage(file, "doomed message");

    const reported: Damage[] = [];
    const next = await open(file, 2, { events: { onDamaged: (one) => reported.push(one) } });
    assert.deepEqual(messages(await next.read(0, 0)), ["0:healthy one"]);
    await assert.rejects(
      next.read(0, 1),
      code("DAMAGED", /offsets 1 to 2 of shard 0: .* \(its checksum is 0x/),
    );
    const { batches, damaged, next: readOn } = await next.read(0, 0, { skipDamaged: true });
    assert.equal(batches.length, 2);
    assert.equal(readOn, 4);
    assert.deepEqual(
      damaged.map(({ shard, from, to }) => ({ shard, from, to })),
      [{ shard: 0, from: 1, to: 3 }],
    );
    assert.equal(reported.length, 2);
    // What is damaged does not count as read: the message behind it comes all the same.
    const behind = await next.read(0, 1, { skipDamaged: true, messagesMax: 1 });
    assert.deepEqual([messages(behind), behind.damaged.length], [["3:healthy two"], 1]);
    assert.deepEqual(messages(await next.read(0, 3)), ["3:healthy two"]);
    assert.equal((await append(next, "still appends")).baseOffset, 4);
    assert.equal(await next.offsetAt(0, 1), 0);
    await next.close();
  });
});
