import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTraceparent, traceparentText } from "./trace-context.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const span = "b7ad6b7169203331";

test("a well-formed traceparent, and what is left of one from a later version", () => {
  const sampled = { traceId: trace, parentId: span, sampled: true };
  assert.deepEqual(parseTraceparent(`00-${trace}-${span}-01`), sampled);
  assert.deepEqual(parseTraceparent(`00-${trace}-${span}-03`), sampled);
  assert.deepEqual(parseTraceparent(`00-${trace}-${span}-00`), { ...sampled, sampled: false });
  assert.deepEqual(parseTraceparent(`cc-${trace}-${span}-01`), sampled);
  assert.deepEqual(parseTraceparent(`cc-${trace}-${span}-01-what-the-future-will-be-like`), sampled);
  assert.equal(traceparentText(sampled), `00-${trace}-${span}-01`);
  assert.equal(traceparentText({ ...sampled, sampled: false }), `00-${trace}-${span}-00`);
});

test("what is malformed is none", () => {
  for (const text of [
    undefined,
    "",
    `00-${trace}-${span}`,
    `00-${trace}-${span}-1`,
    `00-${trace}-${span}-01-`,
    `00-${trace}-${span}-01-more`,
    `00-${trace}-${span}-01 `,
    `cc-${trace}-${span}-01.more`,
    `ff-${trace}-${span}-01`,
    `0-${trace}-${span}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${trace}-${span}-0g`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `00-${trace.slice(1)}-${span}-01`,
    `00_${trace}_${span}_01`,
  ]) {
    assert.equal(parseTraceparent(text), null, String(text));
  }
});
