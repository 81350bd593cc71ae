// Requests that must be read, and requests that must not.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { incomplete, refused } from "./fields.ts";
import { framing } from "./framing.ts";
import { createRequestHead, type RequestHead } from "./request-head.ts";
import { parseRequestHead } from "./request-parser.ts";

function parse(text: string, headBytesMax = 16_384): { result: number; head: RequestHead } {
  const head = createRequestHead(100);
  const bytes = Buffer.from(text, "latin1");
  return { result: parseRequestHead(bytes, 0, bytes.length, headBytesMax, head), head };
}

const line = "GET / HTTP/1.1\r\nHost: a\r\n";

/** Request, the status it is refused with, and the rule it breaks. */
const refusals: readonly (readonly [string, number, string])[] = [
  ["GET / HTTP/1.1\r\n\r\n", 400, "RFC 9112 3.2: no Host"],
  [`${line}Host: a\r\n\r\n`, 400, "RFC 9112 3.2: two Hosts"],
  ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "RFC 9110 7.2: invalid Host"],
  ["GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, "RFC 9110 7.2: a list is no host"],
  ["GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "RFC 9110 4.2.4: userinfo"],
  ["GET / HTTP/1.1\r\nHost: a:80a\r\n\r\n", 400, "RFC 3986 3.2.3: port"],
  ["GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "RFC 3986 3.2.2: open bracket"],
  ["GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "RFC 9110 4.2.1: empty host"],
  ["GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3: one space"],
  ["GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3: one space"],
  [" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3: space before the method"],
  ["GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3: tab"],
  ["GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3.2: fragment"],
  ["GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NUL in the target"],
  ["GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 3986 2: a byte above ASCII"],
  ["GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3.2: no form of target"],
  ["GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3.2.4: * with GET"],
  ["GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 3.2.2: scheme"],
  ["GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9110 4.2.1: empty authority"],
  ["GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9110 4.2.4: userinfo"],
  ["CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "RFC 9110 9.3.6: not a tunnel"],
  ["GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "RFC 9110 15.6.6"],
  ["GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "RFC 9110 15.6.6"],
  ["GET / http/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 2.3: case-sensitive"],
  ["GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "RFC 9112 2.3: one digit"],
  ["GET /\r\n\r\n", 400, "RFC 9112 3: no version"],
  ["GET / HTTP/1.1\nHost: a\r\n\r\n", 400, "RFC 9112 2.2: bare LF"],
  ["GET / HTTP/1.1\r\nHost: a\n\r\n", 400, "RFC 9112 2.2: bare LF"],
  ["GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, "RFC 9112 2.2: bare CR"],
  ["GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "RFC 9112 2.2: bare LF at the end"],
  ["\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112 2.2: one empty line, not two"],
  [`${line} folded\r\n\r\n`, 400, "RFC 9112 5.2: obs-fold"],
  [`${line}X : b\r\n\r\n`, 400, "RFC 9112 5.1: space before the colon"],
  [`${line}: b\r\n\r\n`, 400, "RFC 9110 5.1: empty name"],
  [`${line}X\r\n\r\n`, 400, "RFC 9112 5: no colon"],
  [`${line}X(: b\r\n\r\n`, 400, "RFC 9110 5.1: not a token"],
  [`${line}X: a\x00b\r\n\r\n`, 400, "RFC 9110 5.5: NUL"],
  [`${line}X: a\x7fb\r\n\r\n`, 400, "RFC 9110 5.5: DEL"],
  [`${line}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 400, "RFC 9112 6.1: both"],
  [`${line}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`, 400, "RFC 9110 8.6: two"],
  [`${line}Content-Length: 1, 1\r\n\r\n`, 400, "RFC 9110 8.6: list"],
  [`${line}Content-Length:\r\n\r\n`, 400, "RFC 9110 8.6: empty"],
  [`${line}Content-Length: +1\r\n\r\n`, 400, "RFC 9110 8.6: sign"],
  [`${line}Content-Length: 0x1\r\n\r\n`, 400, "RFC 9110 8.6: hexadecimal"],
  [`${line}Content-Length: 99999999999999999999\r\n\r\n`, 400, "RFC 9110 8.6: overflow"],
  [`${line}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501, "RFC 9112 6.1: unknown coding"],
  [`${line}Transfer-Encoding: chunked, chunked\r\n\r\n`, 400, "RFC 9112 6.1: twice"],
  [`${line}Transfer-Encoding: gzip\r\n\r\n`, 400, "RFC 9112 6.3: chunked is not the last"],
  [`${line}Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n\r\n`, 400, "RFC 9112 6.3: both"],
  [`${line}Transfer-Encoding: \x0bchunked\r\n\r\n`, 400, "RFC 9110 5.5: VT"],
  [`${line}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 400, "two fields"],
  ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "RFC 9112 6.1: HTTP/1.0"],
  [`${line}Expect: 200-ok\r\n\r\n`, 417, "RFC 9110 10.1.1"],
  [`${line}Connection: a b\r\n\r\n`, 400, "RFC 9110 7.6.1: not a list of tokens"],
  [`${"X".repeat(33)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 501, "RFC 9112 3: longer than any method"],
  [`${"X".repeat(257)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 400, "longer than anything that could be one"],
  [`${line}${"X: 1\r\n".repeat(100)}\r\n`, 431, "more than 100 fields"],
  [`${line}X: ${"x".repeat(17_000)}\r\n\r\n`, 431, "RFC 6585 5"],
  [`GET /${"x".repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414, "RFC 9110 15.5.15"],
];

for (const [request, status, rule] of refusals) {
  test(`refuses ${JSON.stringify(request.slice(0, 60))}: ${rule}`, () => {
    const { result, head } = parse(request);
    assert.equal(result, refused);
    assert.equal(head.status, status);
    assert.notEqual(head.problem, "");
  });
}

test("reads what a browser sends", () => {
  const text = `\r\nGET /a?b={c}|d HTTP/1.1\r\nHost: [::1]:80\r\nX-Empty:\r\nX-High: \xe4\r\nCONNECTION: Keep-Alive , close,\r\nContent-LENGTH: 0\r\n\r\n`;
  const { result, head } = parse(text);
  assert.equal(result, text.length);
  assert.equal(text.slice(head.targetStart, head.targetEnd), "/a?b={c}|d");
  assert.equal(text.slice(head.hostStart, head.hostEnd), "[::1]:80");
  assert.deepEqual(head.connection, { close: true, keepAlive: true, upgrade: false });
  assert.equal(head.body.kind, framing.none);
});

test("absolute-form: its authority replaces Host", () => {
  const text = "GET HTTP://b:81?q HTTP/1.1\r\nHost: a\r\n\r\n";
  const { head, result } = parse(text);
  assert.equal(result, text.length);
  assert.equal(text.slice(head.hostStart, head.hostEnd), "b:81");
  assert.equal(head.targetLacksSlash, true);
  assert.equal(text.slice(head.targetStart, head.targetEnd), "?q");
});

test("every prefix of a good head is incomplete, wherever it is cut", () => {
  const text =
    "POST http://b/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\nX: y \t\r\n\r\n";
  for (let at = 0; at < text.length; at++) {
    assert.equal(parse(text.slice(0, at)).result, incomplete, JSON.stringify(text.slice(0, at)));
  }
  assert.equal(parse(`${text}abc`).result, text.length);
});

test("a refused head is refused by every longer prefix too, and never accepted by a shorter one", () => {
  for (const [request] of refusals) {
    let wasRefused = false;
    for (let at = 1; at <= Math.min(request.length, 300); at++) {
      const { result } = parse(request.slice(0, at));
      if (wasRefused) assert.equal(result, refused, JSON.stringify(request.slice(0, at)));
      assert.ok(result <= 0);
      wasRefused = result === refused;
    }
  }
});

test("arbitrary bytes never throw, and what is accepted says so of all its lines", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "GET",
      " ",
      "/",
      " HTTP/1.1",
      "\r\n",
      "\n",
      "\r",
      "Host",
      ":",
      " a",
      "Content-Length: 1",
      "\t",
      "\0",
    ),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join("");
      const { result, head } = parse(text);
      if (result <= 0) return;
      const accepted = Buffer.from(text, "latin1").toString("latin1", 0, result);
      assert.match(accepted, /^(\r\n)?[!#$%&'*+.^_`|~\w-]+ \S+ HTTP\/1\.\d\r\n/);
      assert.doesNotMatch(accepted, /[^\r]\n|\r[^\n]|\0/);
      assert.ok(head.fields.count <= 100);
    }),
    { numRuns: 5_000 },
  );
});
