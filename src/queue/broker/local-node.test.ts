import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { createLog } from "../../telemetry/log.ts";
import { ownerOf, shardOfTopic, topicOf } from "../map.ts";
import { packBatch } from "../records.ts";
import { type LocalNode, openLocalNode } from "./local-node.ts";

const folder = mkdtempSync(join(tmpdir(), "node-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const log = createLog({ level: "silent" });
let directories = 0;

async function withNode(run: (node: LocalNode) => Promise<void>, dataDir = newDir()): Promise<void> {
  const node = await openLocalNode({ dataDir, log, tablets: 4 });
  try {
    await run(node);
  } finally {
    await node.close();
  }
}

const newDir = (): string => join(folder, String(++directories));
const rejectsWith = (code: string) => (error: { code?: string }) => error.code === code;
const createTopic = { kind: "createTopic", topic: "orders", shards: ["P1", "P2"], retention: {} } as const;
const batchOf = (text: string) =>
  packBatch([{ key: null, value: Buffer.from(text), headers: [] }], { timestampMs: 0 });

describe("a node that is alone", () => {
  it("shows each change in its map when the change is answered, and appends where the map says", () =>
    withNode(async (node) => {
      const topic = await node.control(createTopic);
      assert.deepEqual(topicOf(node.map(), "orders"), topic);
      const shard = shardOfTopic(topic, "P2");
      assert.ok(shard !== undefined);
      assert.equal(ownerOf(node.map(), shard.tablet)?.name, "broker0");
      const tablet = node.tablet(shard.tablet);
      const wait = node.awaitAppend([shard.shard], 60_000);
      await tablet?.append({ shard: shard.shard, batch: batchOf("a") });
      await wait.over;
      wait.cancel();
      assert.equal(tablet?.range(shard.shard)?.end, 1);
      await node.control({ kind: "deleteTopic", topic: "orders" });
      assert.equal(topicOf(node.map(), "orders"), undefined);
      assert.equal(tablet?.range(shard.shard), null);
    }));

  it("adds shards later, behind those that are there, also to a topic that it makes for them", () =>
    withNode(async (node) => {
      await node.control(createTopic);
      const addShard = { kind: "addShard", topic: "orders", shard: "p", createTopic: false } as const;
      const added = await node.control(addShard);
      const shards = topicOf(node.map(), "orders")?.shards ?? [];
      assert.deepEqual(
        shards.map(({ name, seat }) => [name, seat]),
        [
          ["P1", 1],
          ["P2", 2],
          ["p", 3],
        ],
      );
      assert.ok(added.shard > (shards[1]?.shard ?? 0));
      await assert.rejects(node.control(addShard), rejectsWith("NAME_TAKEN"));
      const elsewhere = { ...addShard, topic: "new" };
      await assert.rejects(node.control(elsewhere), rejectsWith("NOT_FOUND"));
      await node.control({ ...elsewhere, createTopic: true });
      assert.equal(topicOf(node.map(), "new")?.shards.length, 1);
    }));

  it("lets one of many create a shard, and tells the others that it is taken", () =>
    withNode(async (node) => {
      const add = { kind: "addShard", topic: "t", shard: "P1", createTopic: true } as const;
      const all = await Promise.allSettled(Array.from({ length: 5 }, () => node.control(add)));
      assert.equal(all.filter((one) => one.status === "fulfilled").length, 1);
      assert.equal(topicOf(node.map(), "t")?.shards.length, 1);
    }));

  it("puts a scratch topic where it is told, hidden", () =>
    withNode(async (node) => {
      const topic = await node.control({ ...createTopic, hidden: true, tablet: 3 });
      assert.equal(topic.hidden, true);
      assert.ok(topic.shards.every((shard) => shard.tablet === 3));
    }));

  it("gives ids from 0 in each series, and none twice, also after a restart", async () => {
    const dataDir = newDir();
    const take = (node: LocalNode, series: "producer" | "consumer") =>
      node.control({ kind: "takeId", series });
    await withNode(async (node) => {
      assert.deepEqual(await Promise.all([take(node, "producer"), take(node, "producer")]), [0, 1]);
      assert.equal(await take(node, "consumer"), 0);
    }, dataDir);
    await withNode(async (node) => {
      assert.equal(await take(node, "producer"), 2);
      assert.equal(await take(node, "consumer"), 1);
    }, dataDir);
  });

  it("waits for a map, and for no longer than it is told", () =>
    withNode(async (node) => {
      const appears = node.mapWhere((map) => topicOf(map, "orders"), 60_000);
      await node.control(createTopic);
      assert.equal((await appears).name, "orders");
      await assert.rejects(
        node.mapWhere((map) => topicOf(map, "never"), 5),
        rejectsWith("TIMEOUT"),
      );
      const never = node.mapWhere((map) => topicOf(map, "never"), 60_000);
      void node.close().catch(() => {});
      await assert.rejects(never, rejectsWith("SHUTTING_DOWN"));
    }));
});
