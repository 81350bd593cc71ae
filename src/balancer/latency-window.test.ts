import assert from "node:assert/strict";
import { test } from "node:test";
import { p95Of } from "./latency-window.ts";

const boundsS = [0.001, 0.01, 0.1];

const roundedP95 = (counts: readonly number[]) => Math.round(p95Of(counts, boundsS) * 1000) / 1000;

test("the p95 lies in the bucket in which 95 of 100 have come, on a straight line", () => {
  assert.equal(roundedP95([100, 0, 0, 0]), 0.95);
  assert.equal(roundedP95([0, 100, 0, 0]), 9.55);
  assert.equal(roundedP95([90, 10, 0, 0]), 5.5);
  assert.equal(roundedP95([94, 0, 6, 0]), 25);
});

test("without a bound it is somewhere above the last; without an answer it is nothing", () => {
  assert.equal(roundedP95([0, 0, 0, 100]), 195);
  assert.equal(roundedP95([0, 0, 0, 0]), 0);
});
