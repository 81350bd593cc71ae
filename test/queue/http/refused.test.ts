// What the native API refuses, whatever the topic: unknown names, bad parameters, methods, web pages.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { expectProblem, json, nativeQueue } from "./native-queue.ts";

const queue = nativeQueue();

describe("requests", () => {
  it("refuses what does not exist or is out of range, telling what does and is", async () => {
    const topic = await queue.newTopic(2);
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
      const socket = connect(queue.port(), "127.0.0.1");
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
