import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { spaceSaving } from "./space-saving.ts";

const streams = fc.array(fc.tuple(fc.nat(30), fc.double({ min: 0.5, max: 4, noNaN: true })), {
  minLength: 1,
  maxLength: 400,
});

test("what it promises: bounds on every count, on every error, and no frequent key missing", () => {
  fc.assert(
    fc.property(streams, fc.integer({ min: 1, max: 12 }), (stream, counters) => {
      const sketch = spaceSaving(counters);
      const truth = new Map<number, number>();
      let total = 0;
      for (const [key, weight] of stream) {
        sketch.add(key, weight);
        truth.set(key, (truth.get(key) ?? 0) + weight);
        total += weight;
      }
      const slack = total * 1e-9;
      const counts = sketch.counts();
      assert.ok(counts.length <= counters);
      assert.ok(Math.abs(sketch.total - total) <= slack);
      for (const { key, count, error } of counts) {
        const real = truth.get(key as number) ?? 0;
        assert.ok(count - error <= real + slack && real <= count + slack);
        assert.ok(error <= total / counters + slack);
      }
      const found = new Set(counts.map(({ key }) => key));
      for (const [key, count] of truth) if (count > total / counters + slack) assert.ok(found.has(key));
    }),
  );
});

test("with room for all keys the counts are exact, and scaling scales them", () => {
  const sketch = spaceSaving(4);
  for (const key of ["a", "b", "a", "c", "a", "b"]) sketch.add(key, 2);
  sketch.scale(0.5);
  const counts = Object.fromEntries(sketch.counts().map(({ key, count }) => [key, count]));
  assert.deepEqual(counts, { a: 3, b: 2, c: 1 });
  assert.equal(sketch.total, 6);
});

test("only keys that get a counter are copied", () => {
  const kept: unknown[] = [];
  const sketch = spaceSaving(2, (key) => {
    kept.push(key);
    return key;
  });
  for (const key of ["a", "a", "b", "a", "b", "c"]) sketch.add(key, 1);
  assert.deepEqual(kept, ["a", "b", "c"]);
});
