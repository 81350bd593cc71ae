import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  all,
  append,
  batch,
  code,
  messages,
  newFile,
  open,
  produced,
  withTablet,
} from "../../../test/queue/tablet-fixture.ts";
import type { Tablet, TabletEvents } from "../tablet.ts";

describe("appending and reading", () => {
  it("gives offsets from 0 without gaps, and every message back", () =>
    withTablet(async (tablet) => {
      assert.deepEqual(await append(tablet, "a", "b"), { baseOffset: 0, count: 2, duplicate: false });
      assert.equal((await append(tablet, "c")).baseOffset, 2);
      assert.deepEqual(await all(tablet), ["0:a", "1:b", "2:c"]);
      const { start, end, next } = await tablet.read(0, 1);
      assert.deepEqual({ start, end, next }, { start: 0, end: 3, next: 3 });
    }));

  it("stamps the epoch, and keeps it across owners", async () => {
    const file = newFile();
    const first = await open(file, 3);
    await first.createShard(0);
    await append(first, "a");
    await first.close();
    const second = await open(file, 4);
    await append(second, "b");
    const { batches } = await second.read(0, 0);
    assert.deepEqual(
      batches.map((one) => one.readInt32BE(12)),
      [3, 4],
    );
    await second.close();
  });

  it("commits what comes together together, each shard in its own order", () => {
    const commits: number[] = [];
    const events: TabletEvents = { onCommitted: (appends) => commits.push(appends) };
    return withTablet(
      async (tablet) => {
        await tablet.createShard(1);
        commits.length = 0;
        const sends = Array.from({ length: 100 }, (_, i) =>
          tablet.append({ shard: i % 2, batch: batch([`m${i}`]) }),
        );
        const offsets = (await Promise.all(sends)).map((one) => one.baseOffset);
        assert.deepEqual(
          offsets,
          offsets.map((_, i) => Math.floor(i / 2)),
        );
        assert.deepEqual(commits, [100]);
      },
      { events },
    );
  });

  it("begins at the batch that holds the offset, and stops at the bytes asked for", () =>
    withTablet(async (tablet) => {
      for (const text of ["a", "b", "c"]) await append(tablet, text, text.toUpperCase());
      const middle = await tablet.read(0, 3, { bytesMax: 1 });
      assert.deepEqual(messages(middle), ["2:b", "3:B"]);
      assert.deepEqual(messages(middle, 3), ["3:B"]);
      assert.equal(middle.next, 4);
    }));

  it("answers with nothing at the end, and says which offsets there are beyond it", () =>
    withTablet(async (tablet) => {
      await append(tablet, "a");
      assert.deepEqual((await tablet.read(0, 1)).batches, []);
      await assert.rejects(tablet.read(0, 2), code("OFFSET_OUT_OF_RANGE", /from offset 2: it holds 0 to 1/));
      await assert.rejects(tablet.read(0, Number.NaN), code("OFFSET_OUT_OF_RANGE"));
      await assert.rejects(tablet.read(9, 0), code("NOT_FOUND", /shard 9/));
    }));

  it("refuses a batch that is not sound, and a shard that does not exist, alone", () =>
    withTablet(async (tablet) => {
      const broken = batch(["x"]);
      broken[65] = (broken[65] as number) ^ 1;
      const results = await Promise.allSettled([
        append(tablet, "a"),
        tablet.append({ shard: 0, batch: broken }),
        tablet.append({ shard: 77, batch: batch(["y"]) }),
        append(tablet, "b"),
      ]);
      assert.deepEqual(
        results.map((one) => one.status),
        ["fulfilled", "rejected", "rejected", "fulfilled"],
      );
      assert.deepEqual(await all(tablet), ["0:a", "1:b"]);
    }));

  it("refuses when too much waits for the disk", () =>
    withTablet(
      async (tablet) => {
        const sends = Array.from({ length: 20 }, () => append(tablet, "x".repeat(1000)));
        const results = await Promise.allSettled(sends);
        const refused = results.filter((one) => one.status === "rejected");
        assert.ok(refused.length > 0 && refused.length < 20);
        for (const one of refused) assert.equal(one.reason.code, "FULL");
        assert.equal(tablet.range(0)?.end, 20 - refused.length);
      },
      { pendingBytesMax: 5000 },
    ));

  it("agrees with a list, whatever is appended, reopened and read", async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ shard: fc.nat(2), count: fc.integer({ min: 1, max: 5 }) }) },
      { weight: 1, arbitrary: fc.constant("reopen" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const file = newFile();
        const model: string[][] = [[], [], []];
        let epoch = 1;
        let tablet = await open(file, epoch);
        for (const shard of [0, 1, 2]) await tablet.createShard(shard);
        for (const one of steps) {
          if (one === "reopen") {
            await tablet.close();
            tablet = await open(file, ++epoch);
            continue;
          }
          const log = model[one.shard] as string[];
          const texts = Array.from({ length: one.count }, (_, i) => `${one.shard}/${log.length + i}`);
          const { baseOffset } = await tablet.append({ shard: one.shard, batch: batch(texts) });
          assert.equal(baseOffset, log.length);
          log.push(...texts);
        }
        for (const [shard, log] of model.entries()) {
          assert.deepEqual(
            await all(tablet, shard),
            log.map((text, i) => `${i}:${text}`),
          );
        }
        await tablet.close();
      }),
      { numRuns: 25 },
    );
  });
});

describe("expected offset", () => {
  it("lets exactly one of many win, and tells the others where the shard ends", () =>
    withTablet(async (tablet) => {
      await append(tablet, "first");
      const race = Array.from({ length: 8 }, (_, i) =>
        tablet.append({ shard: 0, batch: batch([`r${i}`]), expectedOffset: 1 }),
      );
      const results = await Promise.allSettled(race);
      assert.equal(results.filter((one) => one.status === "fulfilled").length, 1);
      const stale = tablet.append({ shard: 0, batch: batch(["late"]), expectedOffset: 1 });
      await assert.rejects(stale, code("OFFSET_MISMATCH", /ends at offset 2, and the append expects 1/));
      assert.deepEqual(await all(tablet), ["0:first", "1:r0"]);
    }));
});

describe("idempotent producers", () => {
  const send = (tablet: Tablet, sequence: number, texts: readonly string[], producer = 5, epoch = 0) =>
    tablet.append({ shard: 0, batch: produced(sequence, texts, producer, epoch) });

  it("get the first answer again, in the same commit, in a later one, and from the next owner", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    await tablet.createShard(0);
    await append(tablet, "other");
    const pair = await Promise.all([send(tablet, 0, ["a", "b"]), send(tablet, 0, ["a", "b"])]);
    assert.deepEqual(
      pair.map((one) => [one.baseOffset, one.duplicate]),
      [
        [1, false],
        [1, true],
      ],
    );
    assert.deepEqual(await send(tablet, 0, ["a", "b"]), { baseOffset: 1, count: 2, duplicate: true });
    await tablet.close();
    const next = await open(file, 2);
    assert.deepEqual(await send(next, 0, ["a", "b"]), { baseOffset: 1, count: 2, duplicate: true });
    assert.equal((await send(next, 2, ["c"])).baseOffset, 3);
    assert.deepEqual(await all(next), ["0:other", "1:a", "2:b", "3:c"]);
    await next.close();
  });

  it("may have several batches under way, and those that overtake each other get in behind each other", () =>
    withTablet(async (tablet) => {
      await send(tablet, 0, ["a"]);
      const sent = [4, 3, 1, 2].map((sequence) => send(tablet, sequence, ["abcde".charAt(sequence)]));
      const offsets = (await Promise.all(sent)).map(({ baseOffset }) => baseOffset);
      assert.deepEqual(offsets, [4, 3, 1, 2]);
      assert.deepEqual(await all(tablet), ["0:a", "1:b", "2:c", "3:d", "4:e"]);
      const early = send(tablet, 6, ["g"]);
      await new Promise((resolve) => setImmediate(resolve)); // its transaction has begun
      await Promise.all([send(tablet, 5, ["f"]), early]);
      assert.deepEqual((await all(tablet)).slice(-2), ["5:f", "6:g"]);
      const [lost, other] = await Promise.allSettled([send(tablet, 9, ["j"]), send(tablet, 7, ["h"])]);
      assert.equal(lost.status, "rejected");
      assert.equal(other.status, "fulfilled");
    }));

  it("are told of a gap and of a newer instance", () =>
    withTablet(async (tablet) => {
      await send(tablet, 0, ["a"]);
      await assert.rejects(send(tablet, 2, ["c"]), code("SEQUENCE_GAP", /sequence 2 where 1 comes next/));
      await send(tablet, 0, ["b"], 5, 1);
      await assert.rejects(send(tablet, 1, ["x"], 5, 0), code("PRODUCER_FENCED", /newer instance/));
      assert.deepEqual(await all(tablet), ["0:a", "1:b"]);
    }));

  it("are forgotten when there are too many, the longest silent one first, on disk too", async () => {
    const file = newFile();
    const tablet = await open(file, 1, { producersMax: 3 });
    await tablet.createShard(0);
    for (const producer of [1, 2, 3]) await send(tablet, 0, ["a"], producer);
    await send(tablet, 1, ["b"], 1);
    await send(tablet, 0, ["a"], 4); // 2 makes room
    await tablet.close();
    const next = await open(file, 2, { producersMax: 3 });
    for (const producer of [1, 3, 4]) {
      assert.equal(
        (await send(next, producer === 1 ? 1 : 0, [producer === 1 ? "b" : "a"], producer)).duplicate,
        true,
      );
    }
    assert.equal((await send(next, 0, ["a"], 2)).duplicate, false);
    await next.close();
  });
});
