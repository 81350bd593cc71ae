// What of a request reaches the upstream: this hop's fields removed, ours added.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answering, ask, get, ok, scriptedUpstream, testedProxy } from "./scripted.test.ts";

test("forwards a request with this hop's fields removed and ours added", async () => {
  const upstream = await scriptedUpstream(
    answering(ok("hello", "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nX-A: 1\r\n")),
  );
  const tested = await testedProxy([upstream.port]);
  const answer = await ask(
    tested.port,
    get(
      "/a%2Fb?x=1",
      "Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-Keep: 2\r\nX-Forwarded-For: 9.9.9.9\r\nForwarded: for=9.9.9.9\r\nRoundhouse-Peer: 1.1.1.1\r\nX_Y: 1\r\n",
    ),
  );
  assert.match(
    answer,
    /^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nDate: [^\r]+\r\nConnection: close\r\n\r\nhello$/,
  );
  assert.match(
    upstream.received[0] ?? "",
    /^GET \/a%2Fb\?x=1 HTTP\/1.1\r\nHost: a.example\r\nX-Keep: 2\r\nX-Request-Id: [0-9a-f]{16}-\w+\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\nVia: 1.1 roundhouse\r\n\r\n$/,
  );
  tested.close();
  upstream.close();
});

test("other upgrades are dropped", async () => {
  const upstream = await scriptedUpstream(answering(ok("plain")));
  const tested = await testedProxy([upstream.port]);
  await ask(
    tested.port,
    get("/", "Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
  );
  assert.doesNotMatch(upstream.received[0] ?? "", /upgrade|h2c|settings/i);
  for (const each of [tested, upstream]) each.close();
});

test("a control upstream learns the peer and sees the client's own Forwarded", async () => {
  const upstream = await scriptedUpstream(answering(ok("control")));
  const tested = await testedProxy([upstream.port], { upstream: { kind: "control" } });
  await ask(
    tested.port,
    get("/rep", "Connection: close, X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4\r\nVia: 1.1 x\r\n"),
  );
  const received = upstream.received[0] ?? "";
  assert.match(
    received,
    /X-Forwarded-For: 1.2.3.4\r\nVia: 1.1 x\r\nX-Request-Id: [^\r]+\r\nroundhouse-peer: 127.0.0.1\r\nroundhouse-proto: http\r\n\r\n$/,
  );
  for (const each of [tested, upstream]) each.close();
});

test("a trusted peer's X-Forwarded-For is extended", async () => {
  const upstream = await scriptedUpstream(answering(ok("x")));
  const tested = await testedProxy([upstream.port], {
    trustedProxies: ["127.0.0.0/8"],
    headers: { forwarded: true },
  });
  await ask(
    tested.port,
    get(
      "/",
      "Connection: close\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Request-Id: abc-1\r\n",
    ),
  );
  const received = upstream.received[0] ?? "";
  assert.match(
    received,
    /X-Forwarded-Proto: https\r\nX-Request-Id: abc-1\r\nX-Forwarded-For: 1.2.3.4, 127.0.0.1\r\nX-Forwarded-Host: a.example\r\nForwarded: for=127.0.0.1;proto=http;host="a.example"\r\n/,
  );
  for (const each of [tested, upstream]) each.close();
});

test("an HTTP/1.0 request is passed on with its version in Via, and with no host where it names none", async () => {
  const upstream = await scriptedUpstream(answering(ok("x")));
  const tested = await testedProxy([upstream.port]);
  await ask(
    tested.port,
    "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  const ends = upstream.received.map((text) => text.slice(text.indexOf("X-Forwarded-Proto")));
  assert.deepEqual(ends, [
    "X-Forwarded-Proto: http\r\nVia: 1.0 roundhouse\r\n\r\n",
    "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.0 roundhouse\r\n\r\n",
    "X-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.1 roundhouse\r\n\r\n",
  ]);
  for (const each of [tested, upstream]) each.close();
});

test("a trusted peer that speaks HTTP/1.0 and names no host adds none", async () => {
  const upstream = await scriptedUpstream(answering(ok("x")));
  const tested = await testedProxy([upstream.port], { trustedProxies: ["127.0.0.0/8"] });
  await ask(tested.port, "GET / HTTP/1.0\r\n\r\n");
  assert.doesNotMatch(upstream.received[0] ?? "", /X-Forwarded-Host/);
  for (const each of [tested, upstream]) each.close();
});

const lengths: readonly (readonly [line: string, forwarded: string])[] = [
  ["content-length: 5", "content-length: 5"],
  ["Content-Length:5", "Content-Length: 5"],
  ["Content-Length: \t5", "Content-Length: 5"],
  ["Content-Length: 5 ", "Content-Length: 5"],
  ["Content-Length:\t 0\t", "Content-Length: 0"],
];
for (const [line, forwarded] of lengths) {
  test(`${JSON.stringify(line)} is forwarded in the one form that every reader understands`, async () => {
    const upstream = await scriptedUpstream(answering(ok("x")));
    const tested = await testedProxy([upstream.port]);
    const body = line.includes("5") ? "hello" : "";
    await ask(
      tested.port,
      `POST / HTTP/1.1\r\nHost: a\r\n${line}\r\nX-A: b\r\nConnection: close\r\n\r\n${body}`,
    );
    const received = upstream.received.join("");
    assert.deepEqual(received.match(/content-length:[^\r]*/gi), [forwarded]);
    assert.ok(received.endsWith(`\r\n\r\n${body}`), received);
    for (const each of [tested, upstream]) each.close();
  });
}
