// Requests that are refused before they become an exchange.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import {
  answering,
  ask,
  eventually,
  get,
  ok,
  rawClient,
  scriptedUpstream,
  testedProxy,
} from "./scripted.test.ts";

test("the answer to a refused request line has its body, whatever was asked before on the connection", async () => {
  const upstream = await scriptedUpstream(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"));
  const tested = await testedProxy([upstream.port], { limits: { headBytesMax: 500 } });
  const lines = [`GET /${"a".repeat(600)}`, `${"A".repeat(40)} / HTTP/1.1`, "GET / HTTP/3.0\r\n\r\n"];
  for (const line of lines) {
    const client = rawClient(tested.port, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until((text) => text.endsWith("\r\n\r\n"));
    client.socket.write(line);
    assert.match(
      await client.closed(),
      /\r\n\r\nHTTP\/1.1 [45]\d\d [\s\S]*\r\n\r\n\{"message":"[^"]+","status":"failure"\}$/,
    );
  }
  for (const each of [tested, upstream]) each.close();
});

test("the answer to a refused HEAD has none", async () => {
  const tested = await testedProxy([]);
  assert.match(
    await ask(tested.port, "HEAD / HTTP/1.1\r\n\r\n"),
    /^HTTP\/1.1 400 [\s\S]*Content-Length: \d+\r\n[\s\S]*\r\n\r\n$/,
  );
  tested.close();
});

test("TRACE is refused, whatever its Max-Forwards", async () => {
  const upstream = await scriptedUpstream(answering(ok("echo")));
  const tested = await testedProxy([upstream.port]);
  for (const fields of ["", "Max-Forwards: 0\r\n", "Max-Forwards: 2\r\n"])
    assert.match(
      await ask(tested.port, `TRACE / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`),
      /^HTTP\/1.1 405 [\s\S]*\r\nAllow: /,
    );
  await eventually(() => tested.proxy.stats.connections === 0);
  assert.equal(upstream.received.length, 0);
  for (const each of [tested, upstream]) each.close();
});

test("who asks on and on and reads nothing is read no further, though all answers are our own", async () => {
  const tested = await testedProxy([]);
  const { stats } = tested.proxy;
  const requests = 60_000;
  const client = connect({ port: tested.port, host: "127.0.0.1" });
  client.write(get().repeat(requests));
  let heldBytes = 0;
  let asked = 0;
  for (let same = 0; same < 20; same++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    heldBytes = Math.max(heldBytes, tested.accepted[0]?.writableLength ?? 0);
    if (stats.requests === 0 || stats.requests !== asked) same = 0;
    asked = stats.requests;
  }
  assert.ok(heldBytes < 512 * 1024, `${heldBytes} bytes wait for the client`);
  assert.ok(asked < requests, "the client was never held back");
  client.resume();
  await eventually(() => stats.requests === requests);
  for (const each of [client, tested.accepted[0]]) each?.destroy();
  tested.close();
});
