import assert from "node:assert/strict";
import { test } from "node:test";
import { hottest, sumOf, zeroed } from "./sums.ts";

const reading = (count: number, name: string) => ({
  connections: count,
  traffic: new Map([[name, { codes: new Map([[200, count]]), buckets: new Float64Array([count, 0]) }]]),
  nested: { bounded: count },
});

test("numbers, typed arrays, maps and objects add up, whatever they are called", () => {
  const sum = sumOf([reading(1, "S1"), reading(2, "S1"), reading(4, "S2")]);
  assert.deepEqual(sum, {
    connections: 7,
    traffic: new Map([
      ["S1", { codes: new Map([[200, 3]]), buckets: new Float64Array([3, 0]) }],
      ["S2", { codes: new Map([[200, 4]]), buckets: new Float64Array([4, 0]) }],
    ]),
    nested: { bounded: 7 },
  });
  assert.equal(sumOf([]), null);
  assert.deepEqual(zeroed(reading(5, "S1")), { connections: 0, traffic: new Map(), nested: { bounded: 0 } });
});

test("a key is as hot as in all workers together", () => {
  const key = (name: string, ratePerS: number, of: number) => ({
    key: name,
    cut: false,
    ratePerS,
    errorPerS: 1,
    share: ratePerS / of,
  });
  const sum = hottest(
    [
      { ratePerS: 100, sampledOneIn: 1, keys: [key("/a", 60, 100), key("/b", 10, 100)] },
      { ratePerS: 300, sampledOneIn: 4, keys: [key("/b", 90, 300)] },
    ],
    1,
  );
  assert.deepEqual(sum, {
    ratePerS: 400,
    sampledOneIn: 4,
    keys: [{ key: "/b", cut: false, ratePerS: 100, errorPerS: 2, share: 0.25 }],
  });
});
