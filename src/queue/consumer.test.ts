import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newDir, withQueue } from "../../test/queue/queue-fixture.ts";
import { code } from "../../test/queue/tablet-fixture.ts";
import type { Message } from "./message.ts";
import { openQueue } from "./queue.ts";

const values = (messages: readonly Message[]): string[] => messages.map((message) => String(message.value));

describe("consumers", () => {
  it("each read everything, in the order of each shard, and go on after a restart where they committed", async () => {
    const dataDir = newDir();
    let queue = await openQueue({ dataDir, tablets: 4 });
    await queue.createTopic("t", { shards: 2 });
    for (let i = 0; i < 10; i++)
      await queue.produce("t", { value: `${i}` }, { shard: i % 2 === 0 ? "P1" : "P2" });
    const one = await queue.consumer("t", "one");
    const two = await queue.consumer("t", "two");
    const order = (messages: readonly Message[], shard: string) =>
      values(messages.filter((message) => message.shard === shard)).join("");
    const all = await one.poll();
    assert.equal(order(all, "P1"), "02468");
    assert.equal(order(all, "P2"), "13579");
    const part = await two.poll({ messagesMax: 3 });
    assert.equal(part.length, 3);
    assert.equal(await two.lag(), 7);
    await two.commit();
    await queue.close();

    queue = await openQueue({ dataDir });
    assert.equal(values(await (await queue.consumer("t", "one")).poll()).length, 10);
    const rest = await (await queue.consumer("t", "two")).poll();
    assert.deepEqual([...values(part), ...values(rest)].sort(), values(all).sort());
    await queue.close();
  });

  it("begin at the end when they ask so, and then miss nothing", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t", { shards: 2 });
      await queue.produceAll("t", [{ value: "old" }, { value: "old" }]);
      const late = await queue.consumer("t", "late", { from: "end" });
      await queue.produceAll("t", [{ value: "new" }, { value: "new" }, { value: "new" }]);
      assert.equal(await late.lag(), 3);
      assert.deepEqual(values(await late.poll()), ["new", "new", "new"]);
    }));

  it("wait for the next message, and for no longer than they say", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t", { shards: 3 });
      const consumer = await queue.consumer("t", "c");
      assert.deepEqual(await consumer.poll({ waitMs: 5 }), []);
      const waiting = consumer.poll({ waitMs: 60_000 });
      await queue.produce("t", { key: "k", value: "hello" });
      assert.deepEqual(values(await waiting), ["hello"]);
      const abort = new AbortController();
      const aborted = consumer.poll({ waitMs: 60_000, signal: abort.signal });
      abort.abort();
      await assert.rejects(aborted, { name: "AbortError" });
    }));

  it("move to the beginning, the end, an offset and a time", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t");
      for (let i = 0; i < 5; i++) await queue.produce("t", { value: `${i}`, timestampMs: 1000 * i });
      const consumer = await queue.consumer("t", "c");
      const text = async () => values(await consumer.poll()).join("");
      assert.equal(await text(), "01234");
      await consumer.seek("beginning");
      assert.equal(await text(), "01234");
      await consumer.seek({ shard: "P1", offset: 3 });
      assert.equal(await text(), "34");
      await consumer.seek({ timestampMs: 1500 });
      assert.equal(await text(), "234");
      await consumer.seek("end");
      assert.equal(await text(), "");
      await assert.rejects(
        consumer.seek({ shard: "P1", offset: 6 }),
        code("OFFSET_OUT_OF_RANGE", /0 to 5 are there/),
      );
      await assert.rejects(consumer.seek({ shard: "P9", offset: 0 }), code("NOT_FOUND"));
    }));

  it("iterate, and commit each message as the next one is asked for", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t", { shards: 2 });
      await queue.produceAll(
        "t",
        Array.from({ length: 20 }, (_, i) => ({ value: `${i}` })),
      );
      const seen: string[] = [];
      const first = await queue.consumer("t", "c");
      for await (const message of first) {
        seen.push(String(message.value));
        if (seen.length === 13) break;
      }
      // The one that it broke off at is not done with: it comes again to whoever takes over the name.
      const second = await queue.consumer("t", "c");
      const rest = values(await second.poll());
      assert.equal(rest.length, 8);
      assert.deepEqual(new Set([...seen, ...rest]).size, 20);
      // The same object goes on after it.
      assert.equal((await first.poll()).length, 7);
    }));

  it("that retention has overtaken go on with the oldest message", () =>
    withQueue(async (queue) => {
      await queue.createTopic("t", { retention: { countMax: 2 } });
      const slow = await queue.consumer("t", "slow");
      for (let i = 0; i < 6; i++) await queue.produce("t", { value: `${i}` });
      assert.equal(await queue.applyRetention(), 4);
      assert.equal(await slow.lag(), 2);
      assert.deepEqual(values(await slow.poll()), ["4", "5"]);
    }));
});
