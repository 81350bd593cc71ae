import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { newDir, withQueue } from "../../test/queue/queue-fixture.ts";
import { code } from "../../test/queue/tablet-fixture.ts";
import { openDataDir } from "./data-dir.ts";
import { openQueue } from "./queue.ts";

describe("topics", () => {
  it("are created, described, listed in their order, and there after a restart", async () => {
    const dataDir = newDir();
    const queue = await openQueue({ dataDir, tablets: 4 });
    const orders = await queue.createTopic("orders", { shards: 3, retention: { countMax: 10 } });
    assert.deepEqual(
      orders.shards.map((shard) => shard.name),
      ["P1", "P2", "P3"],
    );
    await queue.createTopic("alerts", { shards: ["p", "P1"] });
    await queue.produce("orders", { value: "a" }, { shard: "P2" });
    await queue.close();
    const again = await openQueue({ dataDir });
    assert.deepEqual(again.topics(), ["orders", "alerts"]);
    const { shards, retention } = await again.topic("orders");
    assert.deepEqual(
      shards.map(({ name, start, end }) => ({ name, start, end })),
      [
        { name: "P1", start: 0, end: 0 },
        { name: "P2", start: 0, end: 1 },
        { name: "P3", start: 0, end: 0 },
      ],
    );
    assert.deepEqual(retention, { countMax: 10 });
    await again.close();
  });

  it("are refused by name, number of shards, and when they exist", () =>
    withQueue(async (queue) => {
      for (const name of ["", ".", "..", "a/b", "a b", "x".repeat(250), "ü"]) {
        await assert.rejects(
          queue.createTopic(name),
          code("BAD_REQUEST", /name of a topic: 1 to 249 letters/),
        );
      }
      for (const shards of [0, -1, 1.5, 1001, 1e9, Number.NaN]) {
        await assert.rejects(
          queue.createTopic("t", { shards }),
          code("BAD_REQUEST", /1 to 1000 are accepted/),
        );
      }
      await assert.rejects(queue.createTopic("t", { shards: ["a", "a"] }), code("BAD_REQUEST", /same name/));
      const twice = await Promise.allSettled([queue.createTopic("t"), queue.createTopic("t")]);
      assert.deepEqual(
        twice.map((one) => one.status),
        ["fulfilled", "rejected"],
      );
      await assert.rejects(queue.createTopic("t"), code("NAME_TAKEN", /topic "t": it exists/));
      await assert.rejects(queue.produce("none", { value: "" }), code("NOT_FOUND", /topic "none"/));
      await assert.rejects(
        queue.produce("t", { value: "" }, { shard: "P7" }),
        code("NOT_FOUND", /it has P1/),
      );
    }));

  it("are deleted with their messages and places; the name may be used again", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t", { shards: 2 });
      await queue.produceAll("t", [{ value: "a" }, { value: "b" }]);
      const consumer = await queue.consumer("t", "c");
      const waiting = consumer.poll({ waitMs: 60_000 });
      await waiting;
      await queue.deleteTopic("t");
      await assert.rejects(consumer.poll(), code("NOT_FOUND"));
      await queue.createTopic("t", { shards: 2 });
      assert.deepEqual(await (await queue.consumer("t", "c")).poll(), []);
      const { shards } = await queue.topic("t");
      assert.deepEqual(
        shards.map((shard) => shard.end),
        [0, 0],
      );
    }));
});

describe("producing", () => {
  it("keeps each key in one shard and in order, and takes turns without a key", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t", { shards: 4 });
      const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`);
      const first = await queue.produceAll(
        "t",
        keys.map((key) => ({ key, value: "1" })),
      );
      const second = await queue.produceAll(
        "t",
        keys.map((key) => ({ key: Buffer.from(key), value: "2" })),
      );
      assert.deepEqual(
        second.map((one) => one.shard),
        first.map((one) => one.shard),
      );
      for (const [i, one] of second.entries()) assert.ok(one.offset > (first[i]?.offset ?? 0));
      assert.equal(new Set(first.map((one) => one.shard)).size, 4);
      const turns = [];
      for (let i = 0; i < 8; i++) turns.push((await queue.produce("t", { value: "x" })).shard);
      assert.equal(new Set(turns.slice(0, 4)).size, 4);
      assert.deepEqual(turns.slice(4), turns.slice(0, 4));
    }));

  it("keeps keys, values, headers and times as they were", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t");
      await queue.produce("t", {
        key: "k",
        value: Buffer.from([0, 255]),
        headers: { trace: "ab", none: null },
        timestampMs: 1234,
      });
      await queue.produce("t", { value: null });
      const [first, second] = await queue.read("t", "P1", 0);
      assert.deepEqual(first, {
        topic: "t",
        shard: "P1",
        offset: 0,
        timestampMs: 1234,
        key: Buffer.from("k"),
        value: Buffer.from([0, 255]),
        headers: new Map([
          ["trace", Buffer.from("ab")],
          ["none", null],
        ]),
      });
      assert.equal(second?.value, null);
      assert.equal(second?.key, null);
      assert.ok(Math.abs((second?.timestampMs ?? 0) - Date.now()) < 60_000);
    }));

  it("refuses what is too large, and an end that was not expected", () =>
    withQueue(
      async (queue) => {
        await queue.createTopic("t");
        const large = queue.produce("t", { key: "k", value: "x".repeat(100) });
        await assert.rejects(large, code("BAD_REQUEST", /message of 101 bytes; at most 100 are accepted/));
        await assert.rejects(
          queue.produce("t", { value: "", timestampMs: 0.5 }),
          code("BAD_REQUEST", /time 0.5/),
        );
        const here = { shard: "P1", expectedOffset: 0 };
        assert.deepEqual(await queue.produce("t", { value: "a" }, here), { shard: "P1", offset: 0 });
        await assert.rejects(
          queue.produce("t", { value: "b" }, here),
          code("OFFSET_MISMATCH", /ends at offset 1/),
        );
        await assert.rejects(queue.produce("t", { value: "b" }, { expectedOffset: 1 }), code("BAD_REQUEST"));
        assert.deepEqual(await queue.produceAll("t", []), []);
      },
      { messageBytesMax: 100 },
    ));
});

describe("a data directory", () => {
  it("serves one queue at a time, and the next one when it is closed", () =>
    withQueue(async (queue, dataDir) => {
      await assert.rejects(openQueue({ dataDir }), code("DATA_DIR_IN_USE", /this process has it open/));
      await queue.close();
      const next = await openQueue({ dataDir });
      await next.close();
      await next.close();
    }));

  it("left by a program that is gone is taken over, also when its process id has been given away", () => {
    const path = newDir();
    openDataDir(path, 4).release();
    writeFileSync(join(path, "lock.7"), JSON.stringify({ pid: 4_194_303, started: "long ago" }));
    openDataDir(path, 4).release();
    writeFileSync(
      join(path, "lock.9"),
      JSON.stringify({ pid: process.pid, started: "another process of that id" }),
    );
    openDataDir(path, 4).release();
    assert.deepEqual(
      readdirSync(path).filter((name) => name.startsWith("lock")),
      ["lock.10"],
    );
  });

  it("of another format is refused", async () => {
    const dataDir = newDir();
    await (await openQueue({ dataDir, tablets: 2 })).close();
    writeFileSync(join(dataDir, "roundhouse-queue.json"), '{"format":9,"tablets":2}');
    await assert.rejects(
      openQueue({ dataDir }),
      code("DATA_FORMAT", /"format":9.*this program reads format 1/),
    );
    writeFileSync(join(dataDir, "roundhouse-queue.json"), '{"format":1,"tablets":2}');
    writeFileSync(join(dataDir, "catalog.lmdb"), "nonsense".repeat(1000));
    await assert.rejects(openQueue({ dataDir }), code("DATA_FORMAT", /catalog/));
    assert.equal(existsSync(join(dataDir, "tablets")), false);
  });

  it("keeps its number of tablets, whatever is asked later", async () => {
    const dataDir = newDir();
    await (await openQueue({ dataDir, tablets: 2 })).close();
    const queue = await openQueue({ dataDir, tablets: 16 });
    await queue.createTopic("t", { shards: 8 });
    await queue.close();
    const files = readdirSync(join(dataDir, "tablets")).filter((name) => name.endsWith(".lmdb"));
    assert.deepEqual(files, ["00.lmdb", "01.lmdb"]);
    await assert.rejects(openQueue({ dataDir: newDir(), tablets: 0 }), code("BAD_CONFIG", /1 to 4096/));
  });
});

describe("closing", () => {
  it("ends waiting polls and refuses what comes after", async () => {
    const queue = await openQueue({ dataDir: newDir(), tablets: 2 });
    await queue.createTopic("t");
    const consumer = await queue.consumer("t", "c");
    const waiting = consumer.poll({ waitMs: 60_000 });
    await queue.close();
    await waiting.then(
      (messages) => assert.deepEqual(messages, []),
      (error: unknown) => code("SHUTTING_DOWN")(error),
    );
    await assert.rejects(queue.produce("t", { value: "late" }), code("SHUTTING_DOWN"));
  });
});
