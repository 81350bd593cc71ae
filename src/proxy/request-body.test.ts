// Request bodies on their way to the upstream, and pipelined requests behind them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, get, getClose, ok, rawClient, scriptedUpstream, testedProxy } from "./scripted.test.ts";

test("a body comes through in both framings, split at any byte", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    if (!received.endsWith("0\r\n\r\n") && !received.endsWith("hello")) return false;
    socket.write(ok(String(received.length)));
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const length = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
  const chunked =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
  for (const request of [length, chunked]) {
    for (let at = 1; at < request.length; at += 3) {
      const client = rawClient(tested.port, request.slice(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      client.socket.write(request.slice(at), "latin1");
      await client.until((text) => text.includes("\r\n\r\n"));
      client.socket.destroy();
    }
  }
  const bodies = upstream.received.map((text) => text.slice(text.indexOf("\r\n\r\n") + 4));
  for (const body of bodies) {
    assert.equal(body.replace(/(^|\r\n)[0-9a-f]+\r\n/g, "").replace(/\r\n$/, ""), "hello");
  }
  tested.close();
  upstream.close();
});

test("pipelined bodies, each longer than what is kept for a second try, arrive whole one after another", async () => {
  const bytes = 70_000;
  const upstream = await scriptedUpstream((socket, received) => {
    const body = received.slice(received.indexOf("\r\n\r\n") + 4);
    if (received.startsWith("POST") && body.length < bytes) return false;
    if (received.includes("chunked") && !body.endsWith("\r\n0\r\n\r\n")) return false;
    return socket.write(ok(String(received.startsWith("GET"))));
  });
  const tested = await testedProxy([upstream.port]);
  const body = "x".repeat(bytes);
  const one = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n${body}`;
  const other = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const answer = await ask(tested.port, one + other + one + other + getClose());
  assert.equal([...answer.matchAll(/HTTP\/1.1 200 OK/g)].length, 5);
  assert.equal(upstream.received.length, 5);
  for (const each of [tested, upstream]) each.close();
});

test("serves pipelined requests in order on one connection", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    const path = received.split(" ")[1] ?? "";
    setImmediate(() => socket.write(ok(path)));
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(tested.port, get("/1") + get("/2") + getClose("/3"));
  assert.deepEqual(
    [...answer.matchAll(/\r\n\r\n(\/\d)/g)].map((match) => match[1]),
    ["/1", "/2", "/3"],
  );
  assert.equal(tested.upstreams[0]?.stats.answersByCode[100], 3);
  tested.close();
  upstream.close();
});
