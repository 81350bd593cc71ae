import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { quantileMs } from "./quantile.ts";

const boundsS = [0.001, 0.01, 0.1];

const p95 = (counts: readonly number[]) => {
  const ms = quantileMs(counts, boundsS, 0.95);
  return ms === null ? null : Math.round(ms * 1000) / 1000;
};

test("the p95 lies in the bucket in which 95 of 100 have come, on a straight line", () => {
  assert.equal(p95([100, 0, 0, 0]), 0.95);
  assert.equal(p95([0, 100, 0, 0]), 9.55);
  assert.equal(p95([90, 10, 0, 0]), 5.5);
  assert.equal(p95([94, 0, 6, 0]), 25);
});

test("without a bound it is somewhere above the last; without an answer there is none", () => {
  assert.equal(p95([0, 0, 0, 100]), 195);
  assert.equal(p95([0, 0, 0, 0]), null);
});

test("a greater part takes at least as long", () => {
  const counts = fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 });
  const part = fc.double({ min: 0.01, max: 1, noNaN: true });
  fc.assert(
    fc.property(counts, part, part, (some, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)].map((each) => quantileMs(some, boundsS, each));
      assert.ok((low ?? 0) <= (high ?? 0));
    }),
  );
});
