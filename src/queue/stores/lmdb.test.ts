import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { packBatch, recordsOf } from "../records.ts";
import type { Damage, Fetched, Tablet, TabletEvents } from "../tablet.ts";
import { type LmdbTabletOptions, openLmdbTablet } from "./lmdb.ts";
import { openEnvironment } from "./lmdb-environment.ts";
import { decodeShard, encodeShard, LABEL_KEY, shardKey } from "./lmdb-layout.ts";

const folder = mkdtempSync(join(tmpdir(), "tablet-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => join(folder, `${++files}.lmdb`);

function open(file: string, epoch = 1, options: Partial<LmdbTabletOptions> = {}): Promise<Tablet> {
  return openLmdbTablet({ file, tablet: 4, epoch, ...options });
}

async function withTablet(
  run: (tablet: Tablet, file: string) => Promise<void>,
  options: Partial<LmdbTabletOptions> = {},
): Promise<void> {
  const file = newFile();
  const tablet = await open(file, 1, options);
  try {
    await tablet.createShard(0);
    await run(tablet, file);
  } finally {
    await tablet.close();
  }
}

function batch(texts: readonly string[], timestampMs = 1000): Buffer {
  return packBatch(
    texts.map((text) => ({ value: Buffer.from(text) })),
    { timestampMs },
  );
}

const append = (tablet: Tablet, ...texts: string[]) => tablet.append({ shard: 0, batch: batch(texts) });

function messages({ batches }: Fetched, from = 0): string[] {
  return batches.flatMap((one) =>
    [...recordsOf(one, from)].map((record) => `${record.offset}:${record.value}`),
  );
}

async function all(tablet: Tablet, shard = 0): Promise<string[]> {
  const start = tablet.range(shard)?.start ?? 0;
  return messages(await tablet.read(shard, start, { bytesMax: Number.MAX_SAFE_INTEGER }));
}

const code = (expected: string, message?: RegExp) => (error: unknown) => {
  const { code: found, message: text } = error as { code: string; message: string };
  assert.equal(found, expected, text);
  if (message !== undefined) assert.match(text, message);
  return true;
};

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

function produced(sequence: number, texts: readonly string[], producer = 5, epoch = 0): Buffer {
  return packBatch(
    texts.map((text) => ({ value: Buffer.from(text) })),
    { timestampMs: 1000, producer: { id: producer, epoch, sequence } },
  );
}

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

describe("epochs", () => {
  it("fence an owner that has been replaced: it writes nothing any more", async () => {
    const file = newFile();
    const states: string[] = [];
    const old = await open(file, 1, { events: { onState: (state) => states.push(state) } });
    await old.createShard(0);
    await append(old, "a");
    const young = await open(file, 2);
    const late = await Promise.allSettled([append(old, "b"), append(old, "c"), old.setPosition(0, "me", 1)]);
    for (const one of late) assert.equal(one.status === "rejected" && one.reason.code, "FENCED");
    await assert.rejects(append(old, "d"), code("FENCED", /another owner has taken it over, and epoch 1/));
    assert.deepEqual(states, ["fenced"]);
    assert.equal((await append(young, "e")).baseOffset, 1);
    assert.deepEqual(await all(young), ["0:a", "1:e"]);
    assert.equal(young.position(0, "me"), null);
    await old.close();
    await young.close();
  });

  it("only rise", async () => {
    const file = newFile();
    await (await open(file, 7)).close();
    await assert.rejects(open(file, 7), code("FENCED", /at epoch 7: it has been opened at epoch 7/));
    await assert.rejects(open(file, 6), code("FENCED"));
    await (await open(file, 8)).close();
  });
});

describe("a tablet file", () => {
  it("of another format is refused with both numbers", async () => {
    const file = newFile();
    const table = await openEnvironment({ file, tablet: 4, epoch: 1, owner: "test", durability: "synced" });
    await table.put(LABEL_KEY, Buffer.from('{"format":2,"tablet":4,"owner":"a later version"}'), 1);
    await table.close();
    await assert.rejects(
      open(file, 2),
      code("DATA_FORMAT", /its format is 2, and this program reads format 1/),
    );
  });

  it("of another tablet is refused", async () => {
    const file = newFile();
    await (await open(file, 1)).close();
    const other = openLmdbTablet({ file, tablet: 5, epoch: 2 });
    await assert.rejects(other, code("DATA_FORMAT", /holds tablet 4 where tablet 5 was expected/));
  });

  it("that is something else is refused", async () => {
    const file = newFile();
    writeFileSync(file, "This is not a database. ".repeat(1000));
    await assert.rejects(open(file, 1), code("DATA_FORMAT", /it is not a tablet file/));
    writeFileSync(file, "short");
    await assert.rejects(open(file, 1), code("DATA_FORMAT", /it has only 5 bytes/));
  });

  it("that has been cut short is refused", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    await tablet.createShard(0);
    for (let i = 0; i < 20; i++) await append(tablet, "x".repeat(3000));
    await tablet.close();
    truncateSync(file, 4096 * 2 + 100);
    await assert.rejects(open(file, 2), code("DATA_FORMAT", /it has been cut short: 8292 bytes are left/));
  });

  it("of no bytes is taken as a new one: a crash while it was made", async () => {
    const file = newFile();
    writeFileSync(file, "");
    const tablet = await open(file, 1);
    await tablet.createShard(0);
    assert.equal((await append(tablet, "a")).baseOffset, 0);
    await tablet.close();
  });
});

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

describe("shards", () => {
  it("are there after a restart, and gone with all they had when deleted", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    for (const shard of [0, 7, 4_294_967_295]) await tablet.createShard(shard);
    await append(tablet, "a");
    await tablet.append({ shard: 7, batch: produced(0, ["p"]) });
    await tablet.setPosition(7, "me", 1);
    await tablet.deleteShard(7);
    assert.deepEqual(tablet.shards(), [0, 4_294_967_295]);
    await assert.rejects(tablet.append({ shard: 7, batch: batch(["x"]) }), code("NOT_FOUND"));
    await tablet.close();
    const next = await open(file, 2);
    assert.deepEqual(next.shards(), [0, 4_294_967_295]);
    await next.createShard(7);
    assert.equal(next.position(7, "me"), null);
    assert.equal((await next.append({ shard: 7, batch: produced(0, ["p"]) })).duplicate, false);
    assert.deepEqual(await all(next), ["0:a"]);
    await next.close();
  });

  it("whose removal was cut short by a crash are removed by the next owner, and only they", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    for (const shard of [0, 1]) await tablet.createShard(shard);
    for (const shard of [0, 1]) {
      for (let i = 0; i < 200; i++) await tablet.append({ shard, batch: produced(i, ["p"]) });
      await tablet.setPosition(shard, "me", 1);
    }
    await tablet.close();
    const halfway = await openEnvironment({ file, tablet: 4, epoch: 2, owner: "test", durability: "synced" });
    const record = decodeShard(halfway.getBinary(shardKey(1)) as Buffer);
    await halfway.put(shardKey(1), encodeShard({ ...record, deleting: true }), 0);
    await halfway.close();

    const next = await open(file, 3);
    assert.deepEqual(next.shards(), [0]);
    assert.equal(next.range(1), null);
    await assert.rejects(next.read(1, 0), code("NOT_FOUND"));
    // The number may be used again as soon as nothing of the old shard is left.
    for (let made = false; !made; ) {
      made = await next.createShard(1).then(
        () => true,
        (error: unknown) => !code("NAME_TAKEN", /still being removed/)(error),
      );
    }
    assert.deepEqual(next.range(1), { start: 0, end: 0, bytes: 0 });
    assert.equal(next.position(1, "me"), null);
    assert.equal(await next.offsetAt(1, 0), 0);
    assert.equal((await next.append({ shard: 1, batch: produced(0, ["p"]) })).duplicate, false);
    assert.equal((await all(next, 0)).length, 200);
    await next.close();
  });

  it("are created once", () =>
    withTablet(async (tablet) => {
      await append(tablet, "a");
      await Promise.all([tablet.createShard(0), tablet.createShard(1), tablet.createShard(1)]);
      assert.deepEqual(tablet.shards(), [0, 1]);
      assert.deepEqual(await all(tablet), ["0:a"]);
    }));
});

describe("positions", () => {
  it("of consumers last, each for itself", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    await tablet.createShard(0);
    assert.equal(tablet.position(0, "a"), null);
    await Promise.all([tablet.setPosition(0, "a", 3), tablet.setPosition(0, "ab", 5)]);
    await tablet.removePosition(0, "ab");
    await tablet.close();
    const next = await open(file, 2);
    assert.equal(next.position(0, "a"), 3);
    assert.equal(next.position(0, "ab"), null);
    await assert.rejects(next.setPosition(3, "a", 0), code("NOT_FOUND"));
    await assert.rejects(next.setPosition(0, "", 0), code("BAD_REQUEST", /name of 0 bytes/));
    await next.close();
  });
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
    assert.deepEqual(messages(await next.read(0, 3)), ["3:healthy two"]);
    assert.equal((await append(next, "still appends")).baseOffset, 4);
    assert.equal(await next.offsetAt(0, 1), 0);
    await next.close();
  });
});

describe("durability", () => {
  it("'written' keeps the same promises while the process lives", async () => {
    const file = newFile();
    const tablet = await open(file, 1, { durability: "written" });
    await tablet.createShard(0);
    await append(tablet, "a", "b");
    assert.deepEqual(await all(tablet), ["0:a", "1:b"]);
    await tablet.close();
    const next = await open(file, 2);
    assert.deepEqual(await all(next), ["0:a", "1:b"]);
    await next.close();
  });
});

describe("closing", () => {
  it("waits for what is under way, and refuses what comes after", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    await tablet.createShard(0);
    const sends = Array.from({ length: 50 }, (_, i) => append(tablet, `m${i}`));
    const closed = tablet.close();
    await assert.rejects(append(tablet, "late"), code("SHUTTING_DOWN"));
    assert.equal((await Promise.all(sends)).at(-1)?.baseOffset, 49);
    await closed;
    assert.equal(tablet.state(), "closed");
  });
});
