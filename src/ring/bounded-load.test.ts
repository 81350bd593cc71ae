// The bound is kept, affinity is kept below it, and what overflows does not fall on one neighbour.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { boundedLoad } from "./bounded-load.ts";
import { createRing, type Key, type PlacementName, type Ring } from "./ring.ts";

const placements: readonly PlacementName[] = ["rendezvous", "assignment", "ketama", "maglev", "jump"];

function ringOf(placement: PlacementName, count: number, weightOf = (_: number) => 1): Ring {
  const members = Array.from({ length: count }, (_, i) => ({ seat: i + 1, weight: weightOf(i) }));
  return createRing({ placement, members });
}

/** Loads by seat, and the choosing of a server for one more. */
function desk(ring: Ring, options = {}) {
  const loads = new Map(ring.members.map(({ seat }) => [seat, 0]));
  const bounded = boundedLoad(ring, options);
  let total = 0;
  return {
    loads,
    bounded,
    take(key: Key): number {
      const seat = bounded.choose(key, (candidate) => loads.get(candidate) ?? 0, total);
      loads.set(seat, (loads.get(seat) ?? 0) + 1);
      total++;
      return seat;
    },
  };
}

for (const placement of placements) {
  describe(`bounded load over ${placement}`, () => {
    it("lets no server have more than c times its part, whatever the keys", () => {
      const cases = fc.tuple(
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 1.05, max: 3, noNaN: true }),
        fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.string({ maxLength: 4 })), {
          minLength: 1,
          maxLength: 300,
        }),
      );
      fc.assert(
        fc.property(cases, ([count, c, keys]) => {
          const { take, loads } = desk(ringOf(placement, count), { c });
          keys.forEach((key, taken) => {
            const load = loads.get(take(key)) ?? 0;
            assert.ok(
              load <= Math.ceil((c * (taken + 1)) / count),
              `${load} of ${taken + 1} on one of ${count}`,
            );
          });
        }),
        { numRuns: 30 },
      );
    });

    it("keeps a key with its server while that is below the bound, and always chooses alike", () => {
      const ring = ringOf(placement, 5);
      const bounded = boundedLoad(ring);
      for (const key of ["a", "b", 12, 700_001]) {
        assert.equal(
          bounded.choose(key, () => 3, 15),
          ring.lookup(key),
        );
        const full = (seat: number) => (seat === ring.lookup(key) ? 9 : 1);
        const second = bounded.choose(key, full, 13);
        assert.notEqual(second, ring.lookup(key));
        assert.equal(bounded.choose(key, full, 13), second);
      }
    });

    it("spreads a full server's keys over all others", () => {
      const ring = ringOf(placement, 6);
      const bounded = boundedLoad(ring);
      const full = ring.lookup(123_456);
      const taken = new Map<number, number>();
      for (let id = 100_000; id < 130_000; id++) {
        if (ring.lookup(id) !== full) continue;
        const seat = bounded.choose(id, (candidate) => (candidate === full ? 100 : 1), 105);
        taken.set(seat, (taken.get(seat) ?? 0) + 1);
      }
      assert.equal(taken.size, 5, `overflow went to ${[...taken.keys()]}`);
      // By arc for the course scheme, whose arcs are uneven; evenly for the others.
      const most = Math.max(...taken.values()) / [...taken.values()].reduce((a, b) => a + b, 0);
      assert.ok(
        most < (placement === "assignment" ? 0.9 : 0.3),
        `${most} of the overflow went to one server`,
      );
    });

    it("passes over servers that must not be chosen", () => {
      const ring = ringOf(placement, 4);
      const bounded = boundedLoad(ring);
      const onlyTwo = (seat: number) => (seat === 2 ? 50 : Number.POSITIVE_INFINITY);
      for (const key of ["a", "b", "c", 1, 2, 3]) {
        assert.equal(bounded.choose(key, onlyTwo, 50), 2);
        assert.equal(
          bounded.choose(key, () => Number.POSITIVE_INFINITY, 0),
          0,
        );
      }
    });
  });
}

describe("boundedLoad", () => {
  it("keeps Zipf(1.1) keys on 10 servers within 1.25 times the average and one request", () => {
    const { take, loads } = desk(ringOf("rendezvous", 10));
    const weights = Array.from({ length: 1000 }, (_, rank) => (rank + 1) ** -1.1);
    const sum = weights.reduce((a, b) => a + b, 0);
    const requests = 20_000;
    // Every key as often as Zipf says, in a scattered order that is the same each time.
    const keys = weights.flatMap((weight, rank) =>
      Array<string>(Math.round((weight / sum) * requests)).fill(`k${rank}`),
    );
    for (let i = 0; i < keys.length; i++) take(keys[(i * 7919) % keys.length] as string);
    assert.ok(Math.max(...loads.values()) <= (1.25 * keys.length) / 10 + 1, String([...loads.values()]));
  });

  it("bounds by weight", () => {
    const { take, loads } = desk(ringOf("rendezvous", 3, (i) => 2 ** i));
    for (let i = 0; i < 7000; i++) take("one hot key");
    assert.ok(
      (loads.get(1) ?? 0) <= 1251 && (loads.get(2) ?? 0) <= 2501 && (loads.get(3) ?? 0) <= 5001,
      String([...loads]),
    );
  });

  it("keeps affinity in an idle fleet, up to the floor", () => {
    const ring = ringOf("ketama", 8);
    const { take } = desk(ring, { floor: 5 });
    const seats = Array.from({ length: 5 }, () => take("session"));
    assert.deepEqual(seats, Array(5).fill(ring.lookup("session")));
    assert.notEqual(take("session"), ring.lookup("session"));
  });

  it("answers 0 on an empty ring and refuses bounds that cannot be kept", () => {
    assert.equal(
      boundedLoad(createRing()).choose("a", () => 0, 0),
      0,
    );
    for (const c of [1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => boundedLoad(createRing(), { c }), /c = .*: a number above 1/);
    }
    assert.throws(() => boundedLoad(createRing(), { floor: 0 }), /floor = 0: a number from 1/);
  });
});
