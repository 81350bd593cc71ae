import assert from "node:assert/strict";
import { test } from "node:test";
import { Allowance, refillMs } from "./allowance.ts";

const takes = (allowance: Allowance, nowMs: number, times: number) =>
  Array.from({ length: times }, () => allowance.take(nowMs)).filter(Boolean).length;

test("so many at once, and no more", () => {
  assert.equal(takes(new Allowance(10, 0), 0, 25), 10);
});

test("it refills evenly, and never beyond its size", () => {
  const allowance = new Allowance(10, 0);
  takes(allowance, 0, 10);
  assert.equal(takes(allowance, refillMs / 2, 25), 5);
  assert.equal(takes(allowance, 100 * refillMs, 25), 10);
});

test("a slow trickle is never refused", () => {
  const allowance = new Allowance(10, 0);
  for (let i = 1; i <= 1_000; i++) assert.ok(allowance.take((i * refillMs) / 10));
});
