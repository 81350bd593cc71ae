import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hasEffects, pathReader, shardIn } from "./queue-paths.ts";

describe("the queue's paths", () => {
  const course = [
    "/topics",
    "/topics?x=1",
    "/topics/add",
    "/topics/nonsense",
    "/producer/register",
    "/producer/produce",
    "/consumer/register",
    "/consumer/consume?consumer_id=1",
    "/size?consumer_id=1",
    "/brokers",
    "/brokers/add?broker_name=a",
  ];
  const others = [
    "/",
    "/home",
    "/topicsx",
    "/sizes",
    "/size/x",
    "/%74opics",
    "/v2/topics",
    "/rep",
    "*",
    "/b",
    "/c",
  ];

  it("on the front port are the course's, and /v1 where that was asked for", () => {
    const [without, withNative] = [pathReader("front", false), pathReader("front", true)];
    for (const target of course) assert.equal(without(target), "course", target);
    for (const target of others) assert.equal(withNative(target), null, target);
    for (const target of ["/v1", "/v1/topics", "/v1/topics?x"]) {
      assert.equal(without(target), null, target);
      assert.equal(withNative(target), "native", target);
    }
  });

  it("on the queue's port are all but what brokers say to each other", () => {
    const read = pathReader("queue", false);
    assert.equal(read("/v1/topics"), "native");
    assert.equal(read("/topics"), "course");
    for (const target of ["/internal", "/internal/append?tablet=1", "/internal?x"]) {
      assert.equal(read(target), null, target);
    }
  });

  it("on the read port are what consumers do", () => {
    const read = pathReader("read", true);
    for (const target of ["/topics", "/brokers", "/consumer/register", "/consumer/consume?x", "/size?x"]) {
      assert.equal(read(target), "course", target);
    }
    for (const target of [
      "/topics/add",
      "/brokers/rm?broker_name=all",
      "/producer/produce",
      "/v1/topics",
      "/",
    ]) {
      assert.equal(read(target), null, target);
    }
  });

  it("tell which GETs have effects, and which shard they name", () => {
    for (const target of ["/consumer/consume?consumer_id=1", "/brokers/add?a", "/brokers/test"]) {
      assert.ok(hasEffects(target), target);
    }
    for (const target of ["/brokers", "/size?x", "/topics", "/consumer/consumed"]) {
      assert.ok(!hasEffects(target), target);
    }
    assert.deepEqual(shardIn("/v1/topics/orders/shards/P1/messages?offset=3"), ["orders", "P1"]);
    for (const target of [
      "/v1/topics",
      "/v1/topics/orders",
      "/v1/topics/orders/shards",
      "/topics/a/shards/b",
    ]) {
      assert.equal(shardIn(target), null, target);
    }
  });
});
