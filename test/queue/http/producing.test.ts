// Producing and fetching over the native API: every form of a message there and back, order, and what is appended once.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { batchesIn } from "../../../src/queue/record-batch.ts";
import { packBatch, recordsOf } from "../../../src/queue/records.ts";
import { expectProblem, json, nativeQueue } from "./native-queue.ts";

const queue = nativeQueue();
const lines = { "content-type": "application/x-ndjson" };
const raw = { "content-type": "application/x-kafka-record-batch" };
const batchOf = (...values: string[]) =>
  packBatch(
    values.map((value) => ({ value: Buffer.from(value) })),
    { timestampMs: 7 },
  );

describe("producing", () => {
  it("takes one message, an array, lines and record batches, and gives each back in every form", async () => {
    const topic = await queue.newTopic();
    const path = `/v1/topics/${topic}/shards/P1/records`;
    const one = await queue.ask("POST", path, {
      key: "k",
      value: "one",
      headers: { h: "x", n: null },
      timestamp_ms: 5,
    });
    assert.deepEqual(one.json, { appended: [{ shard: "P1", base_offset: 0, count: 1 }] });
    const two = await queue.ask("POST", path, [{ value: "two" }, { value_base64: "/w==" }]);
    assert.deepEqual(two.json, { appended: [{ shard: "P1", base_offset: 1, count: 2 }] });
    const four = await queue.ask("POST", path, '{"value":"four"}\n{"value":null}\n', lines);
    assert.deepEqual(four.json, { appended: [{ shard: "P1", base_offset: 3, count: 2 }] });
    const six = await queue.ask(
      "POST",
      path,
      Buffer.concat([batchOf("six"), batchOf("seven", "eight")]),
      raw,
    );
    assert.deepEqual(
      six.json.appended.map((part: { base_offset: number }) => part.base_offset),
      [5, 6],
    );

    const { json: all } = await queue.ask("GET", path);
    assert.deepEqual([all.start, all.end, all.next, all.topic, all.shard], [0, 8, 8, topic, "P1"]);
    assert.deepEqual(all.messages[0], {
      offset: 0,
      timestamp_ms: 5,
      key: "k",
      value: "one",
      headers: { h: "x", n: null },
    });
    assert.equal(all.messages[2].value_base64, "/w==");
    assert.deepEqual(all.messages[4].value, null);
    assert.deepEqual(
      all.messages.slice(5).map((m: { value: string }) => m.value),
      ["six", "seven", "eight"],
    );

    const asLines = await queue.ask("GET", `${path}?offset=3&max_messages=3`, undefined, {
      accept: "application/x-ndjson",
    });
    assert.equal(asLines.headers.get("content-type"), "application/x-ndjson");
    assert.deepEqual([asLines.headers.get("next-offset"), asLines.headers.get("end-offset")], ["6", "8"]);
    assert.deepEqual(
      asLines.text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).offset),
      [3, 4, 5],
    );

    const asBase64 = await queue.ask("GET", `${path}?offset=0&max_messages=1&binary=base64`);
    assert.deepEqual(asBase64.json.messages[0].value_base64, Buffer.from("one").toString("base64"));
    assert.deepEqual(asBase64.json.messages[0].key_base64, Buffer.from("k").toString("base64"));

    const answer = await fetch(`http://127.0.0.1:${queue.port()}${path}?offset=7`, {
      headers: { accept: "application/x-kafka-record-batch" },
    });
    const batches = [...batchesIn(Buffer.from(await answer.arrayBuffer()))];
    assert.deepEqual(
      batches.flatMap((batch) => [...recordsOf(batch, 7)]).map((record) => String(record.value)),
      ["eight"],
    );
  });

  it("puts a key's messages into one shard, and those without a key into the shards in turn", async () => {
    const topic = await queue.newTopic(4);
    const path = `/v1/topics/${topic}/records`;
    const body = Array.from({ length: 200 }, (_, i) => ({ key: `k${i % 50}`, value: String(i) }));
    const { json: produced } = await queue.ask("POST", path, body);
    assert.equal(produced.appended.length, 4);
    const seen = new Map<string, { shard: string; last: number }>();
    for (const shard of ["P1", "P2", "P3", "P4"]) {
      const { json: got } = await queue.ask("GET", `/v1/topics/${topic}/shards/${shard}/records`);
      for (const { key, value } of got.messages) {
        const before = seen.get(key);
        assert.ok(before === undefined || (before.shard === shard && before.last < Number(value)));
        seen.set(key, { shard, last: Number(value) });
      }
    }
    assert.equal(seen.size, 50);
    const turns = new Set<string>();
    for (let i = 0; i < 4; i++)
      turns.add((await queue.ask("POST", path, { value: "x" })).json.appended[0].shard);
    assert.equal(turns.size, 4);
  });

  it("knows an idempotent producer's repetition, its gaps, and its older instances", async () => {
    const topic = await queue.newTopic();
    const { json: producer } = await queue.ask("POST", "/v1/producers");
    const path = `/v1/topics/${topic}/shards/P1/records`;
    const send = (sequence: number, epoch = 0, value = "v") =>
      queue.ask(
        "POST",
        path,
        { value },
        {
          "producer-id": String(producer.producer_id),
          "producer-epoch": String(epoch),
          "producer-sequence": String(sequence),
        },
      );
    assert.deepEqual((await send(0)).json.appended[0], { shard: "P1", base_offset: 0, count: 1 });
    assert.deepEqual((await send(1)).json.appended[0].base_offset, 1);
    assert.deepEqual((await send(0)).json.appended[0], {
      shard: "P1",
      base_offset: 0,
      count: 1,
      duplicate: true,
    });
    expectProblem(await send(5), 409, "SEQUENCE_GAP", /sequence 5 where 2 comes next/);
    assert.equal((await send(0, 1)).status, 200);
    expectProblem(await send(2, 0), 409, "PRODUCER_FENCED", /newer instance/);
    assert.equal(await queue.end(topic), 3);
    const noShard = await queue.ask(
      "POST",
      `/v1/topics/${topic}/records`,
      { value: "v" },
      { "producer-id": "1", "producer-sequence": "0" },
    );
    expectProblem(noShard, 400, "BAD_REQUEST", /naming the shard/);
    expectProblem(
      await queue.ask("POST", path, { value: "v" }, { "producer-id": "x" }),
      400,
      "BAD_REQUEST",
      /producer-id "x"/,
    );
    expectProblem(
      await queue.ask("POST", path, { value: "v" }, { "producer-id": "1" }),
      400,
      "BAD_REQUEST",
      /Producer-Sequence/,
    );
  });

  it("appends at an expected offset only, and says where the shard ends", async () => {
    const topic = await queue.newTopic();
    const path = `/v1/topics/${topic}/shards/P1/records`;
    assert.equal((await queue.ask("POST", `${path}?expected_offset=0`, { value: "a" })).status, 200);
    const late = await queue.ask("POST", `${path}?expected_offset=0`, { value: "b" });
    expectProblem(late, 409, "OFFSET_MISMATCH", /ends at offset 1/);
    assert.equal(late.json.end, 1);
    assert.equal(await queue.end(topic), 1);
  });

  it("stores nothing of a request that is partly bad, and says which message and why", async () => {
    const topic = await queue.newTopic(2);
    const path = `/v1/topics/${topic}/records`;
    const bad: readonly (readonly [string | Buffer, Record<string, string>, number, string, RegExp])[] = [
      ['[{"value":"a"},{"value":5}]', json, 400, "MALFORMED_JSON", /message 1 .* at byte 24/],
      ['{"value":"a"}\n{"value":"b"\n', lines, 400, "MALFORMED_JSON", /message 1 .* at byte 26/],
      [
        `{"value":"a"}\n{"value":"${"b".repeat(1001)}"}\n`,
        lines,
        413,
        "TOO_LARGE",
        /message 1 .* 1001 bytes, and at most 1000/,
      ],
      [Buffer.concat([batchOf("a"), batchOf("b").subarray(0, -1)]), raw, 400, "BAD_BATCH", /record batch 1/],
      [
        Buffer.concat([batchOf("a"), batchOf("b".repeat(3000))]),
        raw,
        413,
        "TOO_LARGE",
        /message 0 of record batch 1/,
      ],
      ["{}", json, 400, "MALFORMED_JSON", /without "value"/],
      ["[]", json, 400, "BAD_REQUEST", /0 messages/],
      ["", json, 400, "MALFORMED_JSON", /the end/],
      ['{"value":"a"}', { "content-type": "text/plain" }, 415, "UNSUPPORTED_MEDIA_TYPE", /text\/plain/],
    ];
    for (const [body, headers, status, code, detail] of bad)
      expectProblem(await queue.ask("POST", path, body, headers), status, code, detail);
    const damaged = batchOf("abc");
    damaged[damaged.length - 2] = 0x7a;
    expectProblem(await queue.ask("POST", path, damaged, raw), 400, "BAD_BATCH", /checksum/);
    assert.deepEqual([await queue.end(topic, "P1"), await queue.end(topic, "P2")], [0, 0]);
  });
});

describe("fetching", () => {
  it("waits for a message, and answers as soon as it is there", async () => {
    const topic = await queue.newTopic();
    const path = `/v1/topics/${topic}/shards/P1/records`;
    const empty = await queue.ask("GET", `${path}?wait_ms=50`);
    assert.deepEqual(empty.json.messages, []);
    const waiting = queue.ask("GET", `${path}?offset=0&wait_ms=30000`);
    await queue.ask("POST", path, { value: "now" });
    assert.equal((await waiting).json.messages[0].value, "now");
  });

  it("reads from a time on", async () => {
    const topic = await queue.newTopic();
    const path = `/v1/topics/${topic}/shards/P1/records`;
    for (const time of [1000, 2000, 3000])
      await queue.ask("POST", path, { value: String(time), timestamp_ms: time });
    const from = async (time: number) =>
      (await queue.ask("GET", `${path}?time=${time}`)).json.messages.map((m: { value: string }) => m.value);
    assert.deepEqual(await from(2000), ["2000", "3000"]);
    assert.deepEqual(await from(2001), ["3000"]);
    assert.deepEqual(await from(3001), []);
  });
});
