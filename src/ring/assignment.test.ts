// The course scheme against its golden shares and a model written from its description.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { requestSlot, virtualNodeSlot } from "./assignment.ts";
import { mix32 } from "./hash.ts";
import { createRing, type Ring } from "./ring.ts";

const firstSeats = (count: number) => Array.from({ length: count }, (_, i) => ({ seat: i + 1 }));

/** Counted over every six-digit id, in per cent of all. */
function countedShares(ring: Ring): number[] {
  const counts = new Map<number, number>();
  for (let id = 100_000; id <= 999_999; id++) {
    const seat = ring.lookup(id);
    counts.set(seat, (counts.get(seat) ?? 0) + 1);
  }
  return ring.members.map(({ seat }) => ((counts.get(seat) ?? 0) * 100) / 900_000);
}

// The model: an array, the formulas in BigInt, a walk for every request.
function modelTable(seats: readonly number[], quadratic: boolean): (number | null)[] {
  const table: (number | null)[] = Array(512).fill(null);
  for (const seat of seats) {
    for (let j = 0n; j < 9n; j++) {
      const i = BigInt(seat);
      let slot = Number((i * i + j * j + 2n * j + 25n) % 512n);
      for (let step = 1; table[slot] !== null; step++) slot = (slot + (quadratic ? step : 1)) % 512;
      table[slot] = seat;
    }
  }
  return table;
}

function modelLookup(table: readonly (number | null)[], id: number): number | null {
  const i = BigInt(id);
  let slot = Number((((i * i + 2n * i + 17n) % 512n) + 512n) % 512n);
  while (table[slot] === null) slot = (slot + 1) % 512;
  return table[slot] ?? null;
}

describe("assignment", () => {
  for (const [count, golden] of [
    [2, [95.3, 4.7]],
    [3, [84.4, 4.7, 10.9]],
    [6, [78.9, 3.1, 9.4, 3.1, 4.7, 0.8]],
  ] as const) {
    it(`has the golden shares with ${count} servers, counted over all six-digit ids`, () => {
      const ring = createRing({ placement: "assignment", members: firstSeats(count) });
      assert.deepEqual(
        countedShares(ring).map((share) => Number(share.toFixed(1))),
        golden,
      );
      for (const [index, share] of [...ring.shares().values()].entries()) {
        assert.ok(
          Math.abs(share * 100 - (golden[index] ?? 0)) < 0.05 + 1e-9,
          `shares() of seat ${index + 1}: ${share}`,
        );
      }
    });
  }

  it("sends H to 87 of the 512 slots", () => {
    assert.equal(new Set(Array.from({ length: 900_000 }, (_, i) => requestSlot(i + 100_000, 512))).size, 87);
  });

  it("agrees with the model for any safe integers, with both probings", () => {
    const seats = fc.uniqueArray(
      fc.oneof(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
      { minLength: 1, maxLength: 56 },
    );
    fc.assert(
      fc.property(
        seats,
        fc.array(fc.maxSafeInteger(), { minLength: 50 }),
        fc.boolean(),
        (some, ids, quadratic) => {
          const ascending = [...some].sort((a, b) => a - b);
          const members = some.map((seat) => ({ seat }));
          const ring = createRing({
            placement: "assignment",
            members,
            probing: quadratic ? "quadratic" : "linear",
          });
          const table = modelTable(ascending, quadratic);
          for (const id of ids) assert.equal(ring.lookup(id), modelLookup(table, id));
        },
      ),
    );
  });

  it("works out H and Φ exactly for any safe integer", () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.maxSafeNat(),
        fc.integer({ min: 1, max: 2 ** 24 }),
        (id, j, slots) => {
          const [i, n, m] = [BigInt(id), BigInt(j), BigInt(slots)];
          const residue = (x: bigint) => Number(((x % m) + m) % m);
          assert.equal(requestSlot(id, slots), residue(i * i + 2n * i + 17n));
          assert.equal(virtualNodeSlot(id, j, slots), residue(i * i + n * n + 2n * n + 25n));
        },
      ),
    );
  });

  it("holds 56 servers and refuses the 57th, with either probing", () => {
    for (const probing of ["linear", "quadratic"] as const) {
      const full = createRing({ placement: "assignment", probing, members: firstSeats(56) });
      assert.equal(full.members.length, 56);
      assert.throws(() => full.with({ add: [{ seat: 57 }] }), {
        name: "RangeError",
        message:
          /Cannot place 57 servers: they need 513 virtual nodes and the table has 512 slots, room for 56/,
      });
      assert.equal(full.with({ remove: [9], add: [{ seat: 57 }] }).members.length, 56);
    }
  });

  it("takes a heavier server as more virtual nodes", () => {
    const members = [{ seat: 1 }, { seat: 2, weight: 3 }];
    const spread = (id: number, j: number) => Number((BigInt(id * 1000 + j) * 2_654_435_761n) % 4093n);
    const ring = createRing({
      placement: "assignment",
      slots: 4093,
      virtualNodes: 100,
      members,
      virtualNodeHash: spread,
      requestHash: Number,
    });
    assert.ok(Math.abs((ring.shares().get(2) ?? 0) - 0.75) < 0.1);
  });

  it("is cured by other hash functions: then the largest of three shares is below one half", () => {
    const ring = createRing({
      placement: "assignment",
      members: firstSeats(3),
      requestHash: (id) => mix32(Number(id)),
      virtualNodeHash: (id, j) => mix32(id * 1000 + j),
    });
    assert.ok(Math.max(...countedShares(ring)) < 50, String(countedShares(ring)));
  });

  it("prefers the next servers clockwise", () => {
    const ring = createRing({ placement: "assignment", members: firstSeats(6) });
    const table = modelTable([1, 2, 3, 4, 5, 6], false);
    for (let id = 100_000; id < 100_512; id++) {
      const start = requestSlot(id, 512);
      const walk = Array.from({ length: 512 }, (_, step) => table[(start + step) % 512] ?? null);
      assert.deepEqual([...ring.candidates(id)], [...new Set(walk.filter((seat) => seat !== null))]);
    }
  });
});
