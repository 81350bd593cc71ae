// Consumers over the native API: each with a durable place in every shard.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expectProblem, nativeQueue } from "./native-queue.ts";

const queue = nativeQueue();

describe("consumers", () => {
  it("each have their own durable place: reading, committing, seeking, lag", async () => {
    const topic = await queue.newTopic(2);
    const at = `/v1/topics/${topic}/consumers`;
    for (const shard of ["P1", "P2"])
      for (let i = 0; i < 3; i++)
        await queue.ask("POST", `/v1/topics/${topic}/shards/${shard}/records`, {
          value: `${shard}-${i}`,
          timestamp_ms: i * 1000,
        });
    const created = await queue.ask("POST", at, { name: "a" });
    assert.deepEqual([created.status, created.json.lag], [201, 6]);
    assert.equal((await queue.ask("POST", at, { name: "b", from: "end" })).json.lag, 0);
    assert.deepEqual((await queue.ask("GET", at)).json.consumers, ["a", "b"]);
    expectProblem(await queue.ask("POST", at, { name: "a" }), 409, "NAME_TAKEN", /it exists/);

    const values = async (query = "") => {
      const { json: got } = await queue.ask("GET", `${at}/a/records${query}`);
      const found = got.shards.flatMap((part: { messages: { value: string }[] }) =>
        part.messages.map((m) => m.value),
      );
      return found.sort();
    };
    assert.deepEqual(await values(), ["P1-0", "P1-1", "P1-2", "P2-0", "P2-1", "P2-2"]);
    assert.equal((await values("?max_messages=4")).length, 4);
    assert.equal((await queue.ask("POST", `${at}/a/commit`, { offsets: { P1: 3, P2: 1 } })).status, 204);
    assert.deepEqual(await values(), ["P2-1", "P2-2"]);
    assert.equal((await queue.ask("GET", `${at}/a`)).json.lag, 2);

    const seek = async (to: unknown) => {
      const { json: stands } = await queue.ask("POST", `${at}/a/seek`, to);
      return stands.shards.map((shard: { offset: number }) => shard.offset);
    };
    assert.deepEqual(await seek({ to: "beginning" }), [0, 0]);
    assert.deepEqual(await seek({ to: "end", shard: "P2" }), [0, 3]);
    assert.deepEqual(await seek({ time: 1500 }), [2, 2]);
    assert.deepEqual(await seek({ offset: 1, shard: "P1" }), [1, 2]);
    expectProblem(
      await queue.ask("POST", `${at}/a/seek`, { offset: 9, shard: "P1" }),
      400,
      "OFFSET_OUT_OF_RANGE",
      /0 to 3/,
    );
    expectProblem(
      await queue.ask("POST", `${at}/a/commit`, { offsets: { P1: 4 } }),
      400,
      "OFFSET_OUT_OF_RANGE",
      /0 to 3/,
    );
    expectProblem(
      await queue.ask("POST", `${at}/a/commit`, { offsets: { P9: 4 } }),
      404,
      "NOT_FOUND",
      /"P9"/,
    );
    expectProblem(await queue.ask("POST", `${at}/a/seek`, { to: "middle" }), 400, "BAD_REQUEST", /./);

    assert.equal((await queue.ask("DELETE", `${at}/a`)).status, 204);
    expectProblem(await queue.ask("GET", `${at}/a`), 404, "NOT_FOUND", /create it first/);
    expectProblem(await queue.ask("GET", `${at}/a/records`), 404, "NOT_FOUND", /create it first/);
  });

  it("wait for a message in any of their shards, later ones included", async () => {
    const topic = await queue.newTopic(["x", "y"]);
    await queue.ask("POST", `/v1/topics/${topic}/consumers`, { name: "c" });
    const waiting = queue.ask("GET", `/v1/topics/${topic}/consumers/c/records?wait_ms=30000`);
    await queue.ask("POST", `/v1/topics/${topic}/shards/y/records`, { value: "v" });
    assert.equal((await waiting).json.shards[0].messages[0].value, "v");
    await queue.ask("POST", `/v1/topics/${topic}/shards`, { name: "z" });
    await queue.ask("POST", `/v1/topics/${topic}/shards/z/records`, { value: "w" });
    const { json: got } = await queue.ask("GET", `/v1/topics/${topic}/consumers/c/records`);
    assert.equal(got.shards.length, 2);
  });
});
