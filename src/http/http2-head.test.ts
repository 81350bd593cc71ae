import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { http2RequestHead, http2Trailer } from "./http2-head.ts";
import { createRequestHead } from "./request-head.ts";
import { parseRequestHead } from "./request-parser.ts";

const asking = [":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a"];
const refusalOf = (list: readonly string[]) => {
  const head = http2RequestHead(list, true);
  return "problem" in head ? [head.status, head.problem] : null;
};

test("a request as HTTP/1.1: Host first, then the fields, cookies joined, then the length", () => {
  const list = [...asking, "cookie", "a=1", "x-b", "2", "cookie", "c=3", "content-length", "4"];
  assert.deepEqual(http2RequestHead(list, false), {
    text: "GET / HTTP/1.1\r\nhost: a\r\nx-b: 2\r\ncookie: a=1; c=3\r\ncontent-length: 4\r\n\r\n",
    chunked: false,
  });
});

test("chunks where there is no length, or trailers are announced; none without a body", () => {
  const text = (list: string[], ends: boolean) => {
    const head = http2RequestHead([...asking, ...list], ends);
    return "text" in head ? head.text.slice("GET / HTTP/1.1\r\nhost: a\r\n".length) : head.problem;
  };
  assert.equal(text([], false), "transfer-encoding: chunked\r\n\r\n");
  assert.equal(text([], true), "\r\n");
  assert.equal(
    text(["content-length", "4", "trailer", "x"], false),
    "trailer: x\r\ntransfer-encoding: chunked\r\n\r\n",
  );
});

// What Node's own module would not hand over: the second line of defence, which must not depend on the first.
for (const [name, list] of Object.entries({
  "a colon in a name": [...asking, "a:b", "1"],
  "a space in a name": [...asking, "a b", "1"],
  "an empty name": [...asking, "", "1"],
  "upper case in a name": [...asking, "A", "1"],
  "CR LF in a value": [...asking, "a", "1\r\nb: 2"],
  "a bare CR in a value": [...asking, "a", "1\r"],
  "a bare LF in a value": [...asking, "a", "1\nb: 2"],
  "NUL in a value": [...asking, "a", "1\0"],
  "transfer-encoding": [...asking, "transfer-encoding", "chunked"],
  "te: gzip": [...asking, "te", "gzip"],
  "two content-lengths": [...asking, "content-length", "1", "content-length", "1"],
  "two hosts": [...asking, "host", "a", "host", "a"],
  "a host that differs": [...asking, "host", "b"],
  "a line end in :path": [":method", "GET", ":scheme", "http", ":path", "/\r\nx: y", ":authority", "a"],
  "a space in :path": [":method", "GET", ":scheme", "http", ":path", "/ HTTP/1.1", ":authority", "a"],
  "a line end in :method": [":method", "GET\r\n", ":scheme", "http", ":path", "/", ":authority", "a"],
  "an unknown pseudo-header": [...asking, ":protocol", "websocket"],
  "a pseudo-header twice": [...asking, ":path", "/b"],
})) {
  test(`${name} is malformed`, () => assert.equal(refusalOf(list)?.[0], 0));
}

test("malformed trailers", () => {
  assert.equal(http2Trailer(["x-sum", "1"]), "x-sum: 1\r\n");
  assert.equal(http2Trailer(["x:y", "1"]), null);
  assert.equal(http2Trailer(["x", "1\r\ny: 2"]), null);
  assert.equal(http2Trailer([":path", "/"]), null);
  assert.equal(http2Trailer(["transfer-encoding", "chunked"]), null);
});

const nasty = fc.string({ unit: fc.constantFrom(..."aA:/ \t\r\n\0_-;=%,.#?*é1"), maxLength: 12 });
const name = fc.oneof(
  nasty,
  fc.constantFrom(
    "host",
    "cookie",
    "content-length",
    "te",
    "trailer",
    ":path",
    "x-a",
    "expect",
    "connection",
  ),
);

test("whatever the list: the HTTP/1.1 parser reads one request with the same target and no more fields than came", () => {
  const parsed = createRequestHead(64);
  const property = fc.property(
    fc.array(fc.tuple(name, nasty), { maxLength: 6 }),
    fc.oneof(fc.constant("/"), nasty),
    fc.oneof(fc.constant("GET"), nasty),
    fc.oneof(fc.constant("a"), nasty),
    fc.boolean(),
    (fields, path, method, authority, ends) => {
      const pseudo = [":method", method, ":scheme", "http", ":path", path, ":authority", authority];
      const head = http2RequestHead([...pseudo, ...fields.flat()], ends);
      if ("problem" in head) return;
      const bytes = Buffer.from(head.text, "latin1");
      const end = parseRequestHead(bytes, 0, bytes.length, 16_384, parsed);
      if (end < 0) return; // refused in words: the request goes nowhere
      assert.equal(end, bytes.length);
      assert.equal(parsed.method, method);
      assert.equal(bytes.toString("latin1", parsed.targetStart, parsed.targetEnd), path);
      const seen = Array.from({ length: parsed.fields.count }, (_, index) =>
        bytes.toString("latin1", parsed.fields.nameStart[index], parsed.fields.nameEnd[index]),
      );
      const came = new Set([...fields.map(([each]) => each), "host", "transfer-encoding"]);
      for (const each of seen) assert.ok(came.has(each), `${JSON.stringify(each)} was never sent`);
      assert.ok(seen.length <= fields.length + 2);
    },
  );
  fc.assert(property, { numRuns: 5_000 });
});
