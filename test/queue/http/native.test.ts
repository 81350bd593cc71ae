// The native HTTP API: topics, producing, fetching, consumers, and every bad input with the answer that it gets.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { batchesIn } from "../../../src/queue/record-batch.ts";
import { packBatch, recordsOf } from "../../../src/queue/records.ts";
import { openApiDocument } from "../../../src/queue/wire/native/openapi.ts";
import { type Reply, type Served, serveQueue } from "./served.ts";

let queue: Served;
before(async () => {
  queue = await serveQueue({ messageBytesMax: 1000 });
});
after(() => queue.close());

let topics = 0;
async function newTopic(shards: number | readonly string[] = 1): Promise<string> {
  const name = `t${++topics}`;
  const { status, text } = await queue.ask("POST", "/v1/topics", { name, shards });
  assert.equal(status, 201, text);
  return name;
}

const lines = { "content-type": "application/x-ndjson" };
const raw = { "content-type": "application/x-kafka-record-batch" };
const json = { "content-type": "application/json" };
const batchOf = (...values: string[]) =>
  packBatch(
    values.map((value) => ({ value: Buffer.from(value) })),
    { timestampMs: 7 },
  );

function expectProblem(reply: Reply, status: number, code: string, detail: RegExp): void {
  assert.deepEqual([reply.status, reply.json?.status, reply.json?.code], [status, status, code], reply.text);
  assert.equal(reply.headers.get("content-type"), "application/problem+json");
  assert.match(reply.json.detail, detail);
}

const end = async (topic: string, shard = "P1"): Promise<number> =>
  (await queue.ask("GET", `/v1/topics/${topic}/shards/${shard}/records`)).json.end;

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
    const topic = await newTopic();
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
    const topic = await newTopic();
    const waiting = queue.ask("GET", `/v1/topics/${topic}/shards/P1/records?wait_ms=20000`);
    await queue.ask("POST", `/v1/topics/${topic}/consumers`, { name: "c" });
    const consuming = queue.ask("GET", `/v1/topics/${topic}/consumers/c/records?wait_ms=20000`);
    await queue.ask("GET", "/v1/topics");
    assert.equal((await queue.ask("DELETE", `/v1/topics/${topic}`)).status, 204);
    assert.equal((await waiting).status, 404);
    assert.equal((await consuming).status, 404);
  });
});

describe("producing and fetching", () => {
  it("takes one message, an array, lines and record batches, and gives each back in every form", async () => {
    const topic = await newTopic();
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

    const answer = await fetch(`http://127.0.0.1:${queue.port}${path}?offset=7`, {
      headers: { accept: "application/x-kafka-record-batch" },
    });
    const batches = [...batchesIn(Buffer.from(await answer.arrayBuffer()))];
    assert.deepEqual(
      batches.flatMap((batch) => [...recordsOf(batch, 7)]).map((record) => String(record.value)),
      ["eight"],
    );
  });

  it("puts a key's messages into one shard, and those without a key into the shards in turn", async () => {
    const topic = await newTopic(4);
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
    const topic = await newTopic();
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
    assert.equal(await end(topic), 3);
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
    const topic = await newTopic();
    const path = `/v1/topics/${topic}/shards/P1/records`;
    assert.equal((await queue.ask("POST", `${path}?expected_offset=0`, { value: "a" })).status, 200);
    const late = await queue.ask("POST", `${path}?expected_offset=0`, { value: "b" });
    expectProblem(late, 409, "OFFSET_MISMATCH", /ends at offset 1/);
    assert.equal(late.json.end, 1);
    assert.equal(await end(topic), 1);
  });

  it("waits for a message, and answers as soon as it is there", async () => {
    const topic = await newTopic();
    const path = `/v1/topics/${topic}/shards/P1/records`;
    const empty = await queue.ask("GET", `${path}?wait_ms=50`);
    assert.deepEqual(empty.json.messages, []);
    const waiting = queue.ask("GET", `${path}?offset=0&wait_ms=30000`);
    await queue.ask("POST", path, { value: "now" });
    assert.equal((await waiting).json.messages[0].value, "now");
  });

  it("reads from a time on", async () => {
    const topic = await newTopic();
    const path = `/v1/topics/${topic}/shards/P1/records`;
    for (const time of [1000, 2000, 3000])
      await queue.ask("POST", path, { value: String(time), timestamp_ms: time });
    const from = async (time: number) =>
      (await queue.ask("GET", `${path}?time=${time}`)).json.messages.map((m: { value: string }) => m.value);
    assert.deepEqual(await from(2000), ["2000", "3000"]);
    assert.deepEqual(await from(2001), ["3000"]);
    assert.deepEqual(await from(3001), []);
  });

  it("stores nothing of a request that is partly bad, and says which message and why", async () => {
    const topic = await newTopic(2);
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
    assert.deepEqual([await end(topic, "P1"), await end(topic, "P2")], [0, 0]);
  });

  it("refuses what does not exist or is out of range, telling what does and is", async () => {
    const topic = await newTopic(2);
    const path = `/v1/topics/${topic}/shards/P1/records`;
    await queue.ask("POST", path, { value: "a" });
    const value = { value: "v" };
    expectProblem(await queue.ask("POST", "/v1/topics/nix/records", value), 404, "NOT_FOUND", /topic "nix"/);
    expectProblem(
      await queue.ask("POST", `/v1/topics/${topic}/shards/P9/records`, value),
      404,
      "NOT_FOUND",
      /it has P1, P2/,
    );
    expectProblem(await queue.ask("GET", `/v1/topics/${topic}/shards/P9/records`), 404, "NOT_FOUND", /"P9"/);
    const beyond = await queue.ask("GET", `${path}?offset=2`);
    expectProblem(beyond, 400, "OFFSET_OUT_OF_RANGE", /offset 2: 0 to 1 are there/);
    assert.deepEqual([beyond.json.start, beyond.json.end], [0, 1]);
    expectProblem(await queue.ask("GET", `${path}?offset=-1`), 400, "BAD_REQUEST", /offset/);
    expectProblem(await queue.ask("GET", `${path}?offset=0&time=0`), 400, "BAD_REQUEST", /one of them/);
    expectProblem(await queue.ask("GET", `${path}?ofset=0`), 400, "BAD_REQUEST", /ofset/);
    expectProblem(await queue.ask("GET", `${path}?offset=0&offset=0`), 400, "BAD_REQUEST", /twice/);
    expectProblem(
      await queue.ask("GET", path, undefined, { accept: "image/png" }),
      406,
      "NOT_ACCEPTABLE",
      /image\/png/,
    );
    expectProblem(await queue.ask("GET", "/v1/nix"), 404, "NOT_FOUND", /openapi/);
    const put = await queue.ask("PUT", path, value);
    expectProblem(put, 405, "METHOD_NOT_ALLOWED", /POST, GET/);
    assert.equal(put.headers.get("allow"), "POST, GET");
    expectProblem(await queue.ask("GET", "/v1/topics/%ff"), 400, "BAD_REQUEST", /not UTF-8/);
    expectProblem(
      await queue.ask("POST", path, "x".repeat(17 * 1024 * 1024), json),
      413,
      "TOO_LARGE",
      /several requests/,
    );
  });
});

describe("web pages", () => {
  it("are not served by a broker itself, only through the front door", async () => {
    // fetch sets Sec-Fetch-Site itself, so these go over a socket of their own.
    const asked = async (fields: string, path = "/v1/topics") => {
      const socket = connect(queue.port, "127.0.0.1");
      socket.end(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n`);
      let text = "";
      for await (const chunk of socket) text += chunk;
      return text.slice(9, 12);
    };
    assert.equal(await asked("Origin: http://evil.example\r\n"), "403");
    assert.equal(await asked("Sec-Fetch-Site: cross-site\r\n"), "403");
    assert.equal(await asked("Sec-Fetch-Site: cross-site\r\n", "/brokers"), "400");
    assert.equal(await asked("Sec-Fetch-Site: none\r\n"), "200");
    assert.equal(await asked("Origin: http://app.example\r\nX-Forwarded-For: 1.2.3.4\r\n"), "200");
  });
});

describe("consumers", () => {
  it("each have their own durable place: reading, committing, seeking, lag", async () => {
    const topic = await newTopic(2);
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
    const topic = await newTopic(["x", "y"]);
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

describe("the OpenAPI document", () => {
  it("is served, and names no path that is not", async () => {
    const { json: document } = await queue.ask("GET", "/v1/openapi.json");
    assert.deepEqual(document, JSON.parse(JSON.stringify(openApiDocument())));
    assert.equal(document.openapi, "3.1.0");
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => [path, method.toUpperCase()] as const),
    );
    assert.ok(operations.length >= 16);
    for (const [path, method] of operations) {
      const reply = await queue.ask(method, path.replace(/\{\w+\}/g, "unknown-name"));
      const notThere =
        reply.json?.code === "METHOD_NOT_ALLOWED" || /openapi\.json describes/.test(reply.json?.detail ?? "");
      assert.ok(!notThere, `${method} ${path}: ${reply.text}`);
    }
  });

  it("describes parameters and bodies by the schemas that check them", async () => {
    const { json: document } = await queue.ask("GET", "/v1/openapi.json");
    const { get, post } = document.paths["/v1/topics/{topic}/shards/{shard}/records"];
    const names = (operation: { parameters: { name: string }[] }) =>
      operation.parameters.map(({ name }) => name);
    assert.deepEqual(names(get).slice(0, 5), ["topic", "shard", "offset", "time", "max_messages"]);
    assert.deepEqual(names(post).slice(2), [
      "expected_offset",
      "producer-id",
      "producer-epoch",
      "producer-sequence",
    ]);
    assert.equal(get.parameters[4].schema.type, "integer");
    assert.deepEqual(Object.keys(post.requestBody.content).length, 3);
    assert.ok(post.requestBody.content["application/x-ndjson"].schema.properties.value_base64);
    assert.ok(!JSON.stringify(document).includes("$ref"));
  });
});
