// The OpenAPI document: it names what is there, and says what is checked.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openApiDocument } from "../../../src/queue/wire/native/openapi.ts";
import { nativeQueue } from "./native-queue.ts";

const queue = nativeQueue();

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
