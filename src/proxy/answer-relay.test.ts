// Answers on their way to the client, in every framing, and those that must not reach it.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answering,
  ask,
  eventually,
  get,
  getClose,
  ok,
  rawClient,
  scriptedUpstream,
  testedProxy,
} from "./scripted.test.ts";

test("of an answer whose trailer is malformed nothing leaves, and the request goes elsewhere", async () => {
  const chunk = `2000\r\n${"x".repeat(8192)}\r\n`;
  for (const chunks of [chunk, `${chunk}1\r\nx\r\n`]) {
    const broken = await scriptedUpstream(
      answering(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\nA B: c\r\n\r\n`),
    );
    const sound = await scriptedUpstream(answering(ok("hello")));
    const tested = await testedProxy([broken.port, sound.port]);
    assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\n[^x]*hello$/);
    tested.close();
    broken.close();
    sound.close();
  }
});

test("a chunked answer is chunked anew with its trailer, and plain for HTTP/1.0", async () => {
  const upstream = await scriptedUpstream(
    answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;e=1\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n",
    ),
  );
  const tested = await testedProxy([upstream.port]);
  const modern = await ask(tested.port, getClose());
  assert.match(
    modern,
    /Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n$/,
  );
  const old = await ask(tested.port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assert.match(old, /Connection: close\r\n\r\nhello$/);
  assert.doesNotMatch(old, /Transfer-Encoding/);
  tested.close();
  upstream.close();
});

test("an answer without a length ends with the upstream's connection, and is chunked for HTTP/1.1", async () => {
  const upstream = await scriptedUpstream((socket) => {
    socket.end("HTTP/1.1 200 OK\r\n\r\nhello");
    return true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, get());
  assert.match(await client.until((text) => text.endsWith("0\r\n\r\n")), /\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/);
  client.socket.destroy();
  tested.close();
  upstream.close();
});

test("HEAD, 204 and 304 have no body, whatever their fields say", async () => {
  const answers: Record<string, string> = {
    "/head": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "/204": "HTTP/1.1 204 No Content\r\n\r\n",
    "/304": "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
  };
  const upstream = await scriptedUpstream((socket, received) =>
    socket.write(answers[received.split(" ")[1] ?? ""] ?? ""),
  );
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(tested.port, get("/head").replace("GET", "HEAD") + get("/204") + getClose("/304"));
  assert.match(
    answer,
    /^HTTP\/1.1 200 OK\r\nContent-Length: 1000\r\nDate: [^\r]+\r\n\r\nHTTP\/1.1 204 No Content\r\nDate: [^\r]+\r\n\r\nHTTP\/1.1 304 Not Modified\r\nContent-Length: 7\r\n/,
  );
  assert.equal(upstream.sockets.length, 1);
  tested.close();
  upstream.close();
});

test("interim answers go on, and a client that waits gets its 100", async () => {
  const upstream = await scriptedUpstream((socket, received) => {
    if (!received.includes("body")) {
      if (received.includes("Expect"))
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
      return false;
    }
    return socket.write(ok("done"));
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(
    tested.port,
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
  );
  await client.until((text) => text.includes("HTTP/1.1 100 Continue\r\n\r\n"));
  client.socket.write("body");
  assert.match(
    await client.until((text) => text.endsWith("done")),
    /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 100/,
  );
  client.socket.destroy();
  tested.close();
  upstream.close();
});

test("a malformed answer is never forwarded", async () => {
  const bad = [
    ["HTTP/1.1 200 OK\nContent-Length: 0\n\n", "a status line that does not end with CR LF"],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
      "more than one Content-Length; send one",
    ],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "both Content-Length and Transfer-Encoding; send one of them",
    ],
    ["HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", "white space between a field's name and its colon"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", '"z" where a chunk size is due'],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA B: c\r\n\r\n",
      "a malformed trailer section",
    ],
    ["HTTP/2 200\r\n\r\n", "no HTTP/1.0 or HTTP/1.1 status line"],
    ["HTTP/1.1 103 Early Hints\r\n\r\n".repeat(40), "more than 32 interim answers"],
    [
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
      "101 to a request that asked for no WebSocket, or to another protocol",
    ],
  ] as const;
  for (const [answer, problem] of bad) {
    const upstream = await scriptedUpstream(answering(answer));
    const tested = await testedProxy([upstream.port]);
    assert.match(await ask(tested.port, getClose()), /(^|\r\n\r\n)HTTP\/1.1 502 Bad Gateway\r\n/, answer);
    assert.deepEqual(tested.failures, [{ upstream: "S1", failure: "protocol", problem }]);
    tested.close();
    upstream.close();
  }
});

test("an upstream connection with unsolicited bytes is not used again", async () => {
  const upstream = await scriptedUpstream(
    answering(`${ok("hello")}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`),
  );
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(tested.port, get("/1") + get("/2") + getClose("/3"));
  assert.doesNotMatch(answer, /evil/);
  assert.equal(upstream.sockets.length, 3);
  tested.close();
  upstream.close();
});

test("an early answer goes through and says that its connection ends; neither connection is used again", async () => {
  const early = [
    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno",
    `HTTP/1.1 413 Content Too Large\r\nContent-Length: 9000\r\n\r\n${"n".repeat(9000)}`,
    "HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n",
  ];
  for (const answer of early) {
    const upstream = await scriptedUpstream(answering(answer));
    const tested = await testedProxy([upstream.port]);
    const client = rawClient(tested.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nxx");
    assert.match(await client.closed(), /^HTTP\/1.1 413 [\s\S]*\r\nConnection: close\r\n/);
    await eventually(() => tested.upstreams[0]?.connections === 0);
    tested.close();
    upstream.close();
  }
});

test("a slow reader and a fast upstream: bounded, complete, in order", async () => {
  const size = 8 * 1024 * 1024;
  const upstream = await scriptedUpstream((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    return socket.write(Buffer.alloc(size, "abcdefgh")) || true;
  });
  const tested = await testedProxy([upstream.port]);
  const client = rawClient(tested.port, getClose());
  client.socket.pause();
  await eventually(() => (tested.accepted[0]?.writableLength ?? 0) > 0);
  client.socket.resume();
  const text = await client.closed();
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  assert.equal(body.length, size);
  assert.ok(body === "abcdefgh".repeat(size / 8));
  for (const each of [tested, upstream]) each.close();
});
