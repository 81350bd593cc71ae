// Answers that may go to a client, and those that may not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnswerHead, createAnswerHead, parseAnswerHead } from "./answer-head.ts";
import { incomplete, refused } from "./fields.ts";
import { framing } from "./framing.ts";

function parse(text: string, method = "GET"): { result: number; head: AnswerHead } {
  const head = createAnswerHead(200);
  const bytes = Buffer.from(text, "latin1");
  return { result: parseAnswerHead(bytes, 0, bytes.length, method, 32_768, head), head };
}

test("how a body is framed (RFC 9112 section 6.3)", () => {
  const rows: [string, string, number][] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", framing.length],
    ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", framing.none],
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", framing.none],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", "GET", framing.chunked],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", framing.none],
    ["HTTP/1.1 200 OK\r\n\r\n", "GET", framing.untilClose],
    ["HTTP/1.0 200 OK\r\n\r\n", "GET", framing.untilClose],
    ["HTTP/1.1 204 No Content\r\n\r\n", "GET", framing.none],
    ["HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET", framing.none],
    ["HTTP/1.1 100 Continue\r\n\r\n", "GET", framing.none],
    ["HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", "GET", framing.length],
  ];
  for (const [text, method, kind] of rows) {
    const { result, head } = parse(text, method);
    assert.equal(result, text.length, text);
    assert.equal(head.body.kind, kind, text);
  }
});

test("refuses what is malformed", () => {
  const rows = [
    "HTTP/2 200\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 099 No\r\n\r\n",
    "HTTP/1.1 200 O\0K\r\n\r\n",
    "HTTP/1.1 200 OK\nX: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\n X: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    `HTTP/1.1 200 OK\r\nX: ${"x".repeat(40_000)}\r\n\r\n`,
  ];
  for (const text of rows) {
    const { result, head } = parse(text);
    assert.equal(result, refused, text.slice(0, 60));
    assert.notEqual(head.problem, "");
  }
});

test("is incomplete wherever it is cut", () => {
  const text =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nKeep-Alive: max=3, timeout=7\r\n\r\n";
  for (let at = 0; at < text.length; at++) assert.equal(parse(text.slice(0, at)).result, incomplete);
  const { head } = parse(text);
  assert.equal(head.namesWebSocket, true);
  assert.equal(head.keepAliveTimeoutS, 7);
});

test("a Connection that is no list of options costs the connection, not the answer", () => {
  const text = "HTTP/1.1 200 OK\r\nConnection: keep-alive; timeout=5\r\nContent-Length: 1\r\n\r\n";
  const { result, head } = parse(text);
  assert.equal(result, text.length);
  assert.equal(head.connection.close, true);
});
