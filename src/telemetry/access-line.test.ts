import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AccessRecord, accessLine } from "./access-line.ts";

const plain: AccessRecord = {
  timeMs: Date.UTC(2026, 10, 23, 14, 5, 6, 78),
  client: "10.0.0.7",
  method: "GET",
  target: "/a?b=%20",
  http: "1.1",
  status: 200,
  bytesIn: 0,
  bytesOut: 64,
  durationMs: 1.23456,
  upstream: "S2",
  upstreamMs: 1,
  retries: 0,
  slot: 4711,
  requestId: "abc-1",
  traceId: "",
  spanId: "",
  userAgent: "curl/8",
  referer: "",
  ending: "ok",
  reason: "",
};

test("a plain request in both formats", () => {
  assert.equal(
    accessLine(plain, "combined"),
    '10.0.0.7 - - [23/Nov/2026:14:05:06 +0000] "GET /a?b=%20 HTTP/1.1" 200 64 "-" "curl/8"\n',
  );
  const { timeMs, ...rest } = plain;
  assert.deepEqual(JSON.parse(accessLine(plain, "json")), {
    time: "2026-11-23T14:05:06.078Z",
    ...rest,
    durationMs: 1.235,
  });
  assert.equal(timeMs, plain.timeMs);
});

test("a request that was refused, and one that nobody was asked for", () => {
  const refused = { ...plain, method: "", target: "", status: 400, upstream: null, slot: null, client: "" };
  assert.match(accessLine(refused, "combined"), /^- - - \[[^\]]+\] "-" 400 64 "-" "curl\/8"\n$/);
  assert.match(accessLine(refused, "json"), /"upstream":null,.*"slot":null,/);
});

test("whatever a client sends, it is one line of printable ASCII, and its fields stay in their places", () => {
  const latin1 = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  });
  fc.assert(
    fc.property(latin1, latin1, latin1, latin1, (target, userAgent, referer, reason) => {
      const record = { ...plain, target, userAgent, referer, reason };
      const json = accessLine(record, "json");
      assert.match(json, /^[ -~]+\n$/);
      const read = JSON.parse(json) as AccessRecord;
      assert.deepEqual(
        [read.target, read.userAgent, read.referer, read.reason],
        [target, userAgent, referer, reason],
      );
      const combined = accessLine({ ...record, target: `/${target}` }, "combined");
      assert.match(combined, /^10\.0\.0\.7 - - \[[^\]]+\] "[^"]*" 200 64 "[^"]*" "[^"]*"\n$/);
      assert.match(combined, /^[ -~]+\n$/);
    }),
  );
});

test("a log line cannot be forged, nor a terminal be spoken to", () => {
  const userAgent = 'x" 200 0 "-" "y\\\x1b[2J\x9b2J\xe4\r\n';
  const escaped = "x\\x22 200 0 \\x22-\\x22 \\x22y\\x5C\\x1B[2J\\x9B2J\\xE4\\x0D\\x0A";
  assert.ok(accessLine({ ...plain, userAgent }, "combined").endsWith(`"${escaped}"\n`));
});

test("long texts are cut", () => {
  const line = accessLine({ ...plain, target: `/${"x".repeat(100_000)}` }, "json");
  assert.equal((JSON.parse(line) as AccessRecord).target.length, 2051);
});
