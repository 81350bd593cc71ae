// Whatever is asked, the answer has one of the two forms, none is a fault of ours, and the broker serves on.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { serveQueue } from "./served.ts";

const name = fc.constantFrom("t", "u", "P1", "c", "nix", "..", "%00", "%ff", "a%2Fb", "é", "*");
const native = fc.oneof(
  fc.constant("/v1/topics"),
  fc.tuple(name).map(([t]) => `/v1/topics/${t}`),
  fc
    .tuple(name, fc.constantFrom("records", "shards", "consumers"))
    .map(([t, what]) => `/v1/topics/${t}/${what}`),
  fc.tuple(name, name).map(([t, s]) => `/v1/topics/${t}/shards/${s}/records`),
  fc.tuple(name, name).map(([t, c]) => `/v1/topics/${t}/consumers/${c}`),
  fc
    .tuple(name, name, fc.constantFrom("records", "commit", "seek"))
    .map(([t, c, what]) => `/v1/topics/${t}/consumers/${c}/${what}`),
  fc.constant("/v1/producers"),
  fc.constant("/v1/openapi.json"),
);
const course = fc.constantFrom(
  "/topics",
  "/topics/add",
  "/producer/register",
  "/producer/produce",
  "/consumer/register",
  "/consumer/consume",
  "/size",
  "/brokers",
  "/brokers/test",
  "/nix",
);
const parameter = fc.constantFrom(
  "offset",
  "time",
  "max_messages",
  "max_bytes",
  "binary",
  "skip_damaged",
  "expected_offset",
  "consumer_id",
  "after",
  "broker_name",
  "x",
);
const content = fc.constantFrom(
  "0",
  "1",
  "-1",
  "abc",
  "",
  "base64",
  "true",
  "999999999999999",
  "%ff",
  "broker0",
  "1e3",
);
const query = fc
  .array(fc.tuple(parameter, content), { maxLength: 3 })
  .map((pairs) => pairs.map((pair) => pair.join("=")).join("&"));
const field = fc.constantFrom(
  "name",
  "shards",
  "value",
  "key",
  "headers",
  "timestamp_ms",
  "value_base64",
  "topic",
  "part",
  "producer_id",
  "message",
  "sequence",
  "offsets",
  "to",
  "offset",
  "shard",
  "from",
  "retention",
);
const value = fc.oneof(
  fc.constantFrom("t", "u", "P1", "*", "QQ==", "beginning", "end", ""),
  fc.integer({ min: -2, max: 3 }),
  fc.jsonValue({ maxDepth: 2 }),
);
const body = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .dictionary(field, value, { maxKeys: 3 })
      .map((object) => Buffer.from(JSON.stringify(object))),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.dictionary(field, value, { maxKeys: 2 }))
      .map((list) => Buffer.from(JSON.stringify(list))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)) },
);
const type = fc.constantFrom(
  "application/json",
  "application/x-ndjson",
  "application/x-kafka-record-batch",
  "text/plain",
);
const accept = fc.constantFrom(
  "*/*",
  "application/json",
  "application/x-ndjson",
  "application/x-kafka-record-batch",
  "image/png",
);
const request = fc.record({
  method: fc.constantFrom("GET", "POST", "POST", "DELETE", "PUT", "HEAD"),
  path: fc.oneof({ weight: 3, arbitrary: native }, { weight: 2, arbitrary: course }),
  query,
  body,
  type,
  accept,
});

test("random requests are answered in form, and never with a fault of ours", async () => {
  const queue = await serveQueue();
  await queue.ask("POST", "/v1/topics", { name: "t", shards: 2 });
  await queue.ask("POST", "/v1/topics/t/consumers", { name: "c" });
  await queue.ask("POST", "/producer/register", { topic: "t", part: "P1" });
  await queue.ask("POST", "/consumer/register", { topic: "t" });
  try {
    await fc.assert(
      fc.asyncProperty(request, async (one) => {
        const headers = { "content-type": one.type, accept: one.accept };
        const hasBody = one.method !== "GET" && one.method !== "HEAD";
        const target = one.query === "" ? one.path : `${one.path}?${one.query}`;
        const { status, json, text } = await queue.ask(
          one.method,
          target,
          hasBody ? one.body : undefined,
          headers,
        );
        assert.ok(status !== 500 && status < 506, `${one.method} ${target}: ${status} ${text}`);
        if (status < 400 || one.method === "HEAD") return;
        if (one.path.startsWith("/v1/")) assert.equal(json.status, status);
        else assert.deepEqual([status, json.status, typeof json.message], [400, "failure", "string"]);
      }),
      { numRuns: 1500 },
    );
    assert.equal((await queue.ask("GET", "/v1/topics")).status, 200);
  } finally {
    await queue.close();
  }
});
