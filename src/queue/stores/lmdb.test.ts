import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  all,
  append,
  batch,
  code,
  newFile,
  open,
  produced,
  withTablet,
} from "../../../test/queue/tablet-fixture.ts";
import { openLmdbTablet } from "./lmdb.ts";
import { openEnvironment } from "./lmdb-environment.ts";
import { decodeShard, encodeShard, LABEL_KEY, shardKey } from "./lmdb-layout.ts";

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

describe("notes", () => {
  it("last, are replaced and removed, and are bounded", async () => {
    const file = newFile();
    const tablet = await open(file, 1);
    assert.equal(tablet.note("a"), null);
    await Promise.all([tablet.setNote("a", Buffer.from("1")), tablet.setNote("a", Buffer.from("2"))]);
    await tablet.setNote("b", Buffer.from("3"));
    await tablet.setNote("b", null);
    await assert.rejects(tablet.setNote("c", Buffer.alloc(65_537)), /at most 65536/);
    await tablet.close();
    const next = await open(file, 2);
    assert.deepEqual([next.note("a")?.toString(), next.note("b"), next.note("c")], ["2", null, null]);
    await next.close();
  });
});

describe("positions", () => {
  it("that follow soon wait for an append, and share its transaction", async () => {
    const works: number[] = [];
    const events = { onCommitted: (count: number) => void works.push(count) };
    await withTablet(
      async (tablet) => {
        const first = tablet.setPosition(0, "anna", 1);
        for (let i = 0; i < 20; i++) await new Promise(setImmediate);
        const second = tablet.setPosition(0, "berta", 2);
        for (let i = 0; i < 20; i++) await new Promise(setImmediate);
        works.length = 0;
        await Promise.all([append(tablet, "a"), first, second]);
        assert.deepEqual(works, [3], "nothing was written before the append came");
        assert.equal(tablet.position(0, "anna"), 1);
      },
      { positionsWaitMs: 3_600_000, events },
    );
  });

  it("that wait for company are written when the tablet is closed", async () => {
    const file = newFile();
    const tablet = await open(file, 1, { positionsWaitMs: 3_600_000 });
    await tablet.createShard(0);
    const kept = tablet.setPosition(0, "anna", 7);
    await tablet.close();
    await kept;
    const again = await open(file, 2);
    assert.equal(again.position(0, "anna"), 7);
    await again.close();
  });

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
    assert.deepEqual(next.positions(0, 10), [["a", 3]]);
    await assert.rejects(next.setPosition(3, "a", 0), code("NOT_FOUND"));
    await assert.rejects(next.setPosition(0, "", 0), code("BAD_REQUEST", /name of 0 bytes/));
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
