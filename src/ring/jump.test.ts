// The paper's function against BigInt and published values, and the buckets that members stand for.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { jumpBucket } from "./jump.ts";
import { createRing, type Ring, type RingChange } from "./ring.ts";

// The paper's C++ with its 64-bit integers.
function modelBucket(key: bigint, buckets: number): number {
  let state = key;
  let bucket = -1;
  for (let next = 0; next < buckets; ) {
    bucket = next;
    state = BigInt.asUintN(64, state * 2_862_933_555_777_941_757n + 1n);
    next = Math.floor((bucket + 1) * (2 ** 31 / Number((state >> 33n) + 1n)));
  }
  return bucket;
}

describe("jumpBucket", () => {
  it("gives the values published with other implementations", () => {
    const published = [
      [1, 1, 0],
      [42, 57, 43],
      [0xdead10cc, 1, 0],
      [0xdead10cc, 666, 361],
      [256, 1024, 520],
    ] as const;
    for (const [key, buckets, bucket] of published) assert.equal(jumpBucket(0, key, buckets), bucket);
  });

  it("agrees with 64-bit arithmetic on any key", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.integer({ min: 1, max: 100_000 }),
        (key, buckets) => {
          const low = Number(key & 0xffff_ffffn);
          assert.equal(jumpBucket(Number(key >> 32n), low, buckets), modelBucket(key, buckets));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("jump", () => {
  const ringOf = (...seats: number[]) =>
    createRing({ placement: "jump", members: seats.map((seat) => ({ seat })) });

  it("keeps every key with its server or gives it to the newcomer, when the newcomer has the highest seat", () => {
    const before = ringOf(1, 4, 7);
    const after = before.with({ add: [{ seat: 9 }] });
    for (let key = 0; key < 5000; key++) {
      if (after.lookup(key) !== 9) assert.equal(after.lookup(key), before.lookup(key));
    }
    assert.equal(before.preview({ add: [{ seat: 9 }] }).moved, 0.25);
  });

  it("previews what sampling finds, also when a server in the middle leaves", () => {
    const before = ringOf(1, 2, 3, 4, 5);
    const changes: RingChange[] = [
      { remove: [2] },
      { add: [{ seat: 9 }] },
      { remove: [1], add: [{ seat: 8 }] },
    ];
    for (const change of changes) assertSampled(before, change);
  });

  function assertSampled(before: Ring, change: RingChange) {
    const after = before.with(change);
    const sampled = new Map<string, number>();
    const keys = 100_000;
    for (let key = 0; key < keys; key++) {
      const way = `${before.lookup(key)}>${after.lookup(key)}`;
      sampled.set(way, (sampled.get(way) ?? 0) + 1);
    }
    for (const { from, to, fraction } of before.preview(change).moves) {
      const seen = (sampled.get(`${from}>${to}`) ?? 0) / keys;
      assert.ok(Math.abs(seen - fraction) < 0.01, `${from} to ${to}: ${seen}, not ${fraction}`);
    }
  }
});
