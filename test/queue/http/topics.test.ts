// Topics over the native API: made, described, extended, deleted, and refused.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expectProblem, json, nativeQueue } from "./native-queue.ts";

const queue = nativeQueue();

describe("topics", () => {
  it("are created with shards and retention, listed, described, extended and deleted", async () => {
    const retention = { age_ms: 86_400_000, count_max: 1000 };
    const created = await queue.ask("POST", "/v1/topics", { name: "orders", shards: ["a", "b"], retention });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("location"), "/v1/topics/orders");
    await queue.ask("POST", "/v1/topics/orders/records", { key: "k", value: "v" });
    assert.equal((await queue.ask("POST", "/v1/topics/orders/shards", { name: "c" })).status, 201);
    const { json } = await queue.ask("GET", "/v1/topics/orders");
    assert.deepEqual(json.retention, retention);
    assert.deepEqual(
      json.shards.map((shard: { name: string }) => shard.name),
      ["a", "b", "c"],
    );
    const sum = (field: string) =>
      json.shards.reduce((total: number, shard: Record<string, number>) => total + (shard[field] ?? 0), 0);
    assert.deepEqual([sum("start"), sum("end"), json.shards[0].owner], [0, 1, "broker0"]);
    assert.ok(sum("bytes") > 61 && json.shards[0].epoch >= 1);
    const listed = (await queue.ask("GET", "/v1/topics")).json.topics;
    assert.deepEqual(listed.at(-1), { name: "orders", shards: ["a", "b", "c"] });
    assert.equal((await queue.ask("DELETE", "/v1/topics/orders")).status, 204);
    expectProblem(await queue.ask("GET", "/v1/topics/orders"), 404, "NOT_FOUND", /"orders".*create it first/);
    expectProblem(await queue.ask("DELETE", "/v1/topics/orders"), 404, "NOT_FOUND", /"orders"/);
  });

  it("are refused with a reason", async () => {
    const topic = await queue.newTopic();
    expectProblem(await queue.ask("POST", "/v1/topics", { name: topic }), 409, "NAME_TAKEN", /it exists/);
    expectProblem(
      await queue.ask("POST", "/v1/topics", { name: "a b" }),
      400,
      "BAD_REQUEST",
      /name: 1 to 249/,
    );
    expectProblem(
      await queue.ask("POST", "/v1/topics", { name: ".." }),
      400,
      "BAD_REQUEST",
      /not \. and \.\./,
    );
    expectProblem(
      await queue.ask("POST", "/v1/topics", { name: "x", shards: 0 }),
      400,
      "BAD_REQUEST",
      /shards/,
    );
    expectProblem(
      await queue.ask("POST", "/v1/topics", { name: "x", shards: ["a", "a"] }),
      400,
      "BAD_REQUEST",
      /same name/,
    );
    expectProblem(
      await queue.ask("POST", "/v1/topics", { name: "x", colour: 1 }),
      400,
      "BAD_REQUEST",
      /colour/,
    );
    expectProblem(
      await queue.ask("POST", "/v1/topics", '{"name":', json),
      400,
      "MALFORMED_JSON",
      /at byte 8/,
    );
    expectProblem(
      await queue.ask("POST", `/v1/topics/${topic}/shards`, { name: "P1" }),
      409,
      "NAME_TAKEN",
      /exists/,
    );
  });

  it("deleted under a live consumer: its wait ends with 404", async () => {
    const topic = await queue.newTopic();
    const waiting = queue.ask("GET", `/v1/topics/${topic}/shards/P1/records?wait_ms=20000`);
    await queue.ask("POST", `/v1/topics/${topic}/consumers`, { name: "c" });
    const consuming = queue.ask("GET", `/v1/topics/${topic}/consumers/c/records?wait_ms=20000`);
    await queue.ask("GET", "/v1/topics");
    assert.equal((await queue.ask("DELETE", `/v1/topics/${topic}`)).status, 204);
    assert.equal((await waiting).status, 404);
    assert.equal((await consuming).status, 404);
  });
});
