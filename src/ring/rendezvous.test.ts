// The table against the definition, and the evenness and exactness that the default size promises.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { pairHash, seatLane } from "./hash.ts";
import { createRing, type Member } from "./ring.ts";

// The definition, with nothing kept and nothing skipped: every member by cost, best first.
function naiveOrder(members: readonly Member[], slot: number): number[] {
  const equal = members.every(({ weight = 1 }) => weight === (members[0]?.weight ?? 1));
  const entries = members.map(({ seat, weight = 1 }) => {
    const score = pairHash(slot, seatLane(seat, 0)) * 2 ** 21 + (pairHash(slot, seatLane(seat, 1)) >>> 11);
    return { seat, cost: equal ? -score : -Math.log((score + 1) / 2 ** 53) / weight };
  });
  return entries.sort((a, b) => a.cost - b.cost || a.seat - b.seat).map(({ seat }) => seat);
}

const anyMembers = (weight: fc.Arbitrary<number>) =>
  fc.uniqueArray(fc.record({ seat: fc.integer({ min: 1, max: 65_535 }), weight }), {
    selector: ({ seat }) => seat,
    minLength: 1,
    maxLength: 20,
  });

describe("rendezvous", () => {
  for (const [what, weight] of [
    ["equal weights", fc.constant(2)],
    ["other weights", fc.double({ min: 0.001, max: 1000, noNaN: true })],
  ] as const) {
    it(`agrees with the definition, slot by slot, with ${what}`, () => {
      fc.assert(
        fc.property(anyMembers(weight), (members) => {
          const ring = createRing({ members, slots: 128, requestHash: Number });
          for (let slot = 0; slot < 128; slot++) {
            assert.deepEqual([...ring.candidates(slot)], naiveOrder(members, slot));
          }
        }),
        { numRuns: 60 },
      );
    });
  }

  it("stays equal to a fresh build through long runs of changes, weights equal and not by turns", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom(0, 1, 1, 2, 0.3)), {
      minLength: 10,
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (changes) => {
        let ring = createRing({ slots: 256 });
        for (const [seat, weight] of changes) {
          const present = ring.members.some((member) => member.seat === seat);
          if (weight === 0) ring = present ? ring.with({ remove: [seat] }) : ring;
          else if (present) ring = ring.with({ weights: new Map([[seat, weight]]) });
          else ring = ring.with({ add: [{ seat, weight }] });
        }
        const fresh = createRing({ slots: 256, members: ring.members });
        for (let slot = 0; slot < 256; slot++) assert.equal(ring.ownerOf(slot), fresh.ownerOf(slot));
      }),
      { numRuns: 60 },
    );
  });

  it("gives shares in proportion to weights: 1:2:4 within 1 % at the default size", () => {
    const ring = createRing({ members: [{ seat: 1 }, { seat: 2, weight: 2 }, { seat: 3, weight: 4 }] });
    assert.equal(ring.slots, 262_144);
    for (const [seat, share] of ring.shares()) {
      const wanted = 2 ** (seat - 1) / 7;
      assert.ok(Math.abs(share - wanted) < 0.01 * wanted, `seat ${seat}: ${share}, not ${wanted}`);
    }
  });

  it("moves as much as the newcomer's part, within four standard deviations, at the default size", () => {
    const ring = createRing({ members: Array.from({ length: 9 }, (_, i) => ({ seat: i + 1 })) });
    const { moved, moves } = ring.preview({ add: [{ seat: 10 }] });
    assert.ok(Math.abs(moved - 0.1) < 4 * Math.sqrt(0.9 / (10 * ring.slots)), String(moved));
    assert.deepEqual(new Set(moves.map(({ to }) => to)), new Set([10]));
    assert.equal(moves.length, 9);
  });

  it("ranks the seats of a slot independently: whoever owns it, all others are equally often second", () => {
    const ring = createRing({
      slots: 32_768,
      members: Array.from({ length: 6 }, (_, i) => ({ seat: i + 1 })),
      requestHash: Number,
    });
    const counts = new Map<string, number>();
    for (let slot = 0; slot < ring.slots; slot++) {
      const order = ring.candidates(slot);
      const pair = `${order.next().value},${order.next().value}`;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
    const expected = ring.slots / 30;
    assert.equal(counts.size, 30);
    const chi = [...counts.values()].reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    assert.ok(chi < 29 + 6 * Math.sqrt(58), `chi-squared ${chi}`);
  });

  it("spreads the values of a caller's virtual node hash, however narrow", () => {
    const narrow = (seat: number, slot: number) => seat * 1000 + slot;
    const members = [{ seat: 1 }, { seat: 2 }, { seat: 3, weight: 2 }];
    const ring = createRing({ slots: 65_536, members, virtualNodeHash: narrow });
    const wanted = [0.25, 0.25, 0.5];
    for (const [seat, share] of ring.shares())
      assert.ok(Math.abs(share - (wanted[seat - 1] ?? 0)) < 0.02, `${seat}: ${share}`);
    const joined = createRing({ slots: 65_536, virtualNodeHash: narrow }).with({ add: members });
    assert.deepEqual(joined.shares(), ring.shares());
  });

  it("takes even a whole fleet in short steps", () => {
    const steps = createRing().withInSteps({ add: Array.from({ length: 100 }, (_, i) => ({ seat: i + 1 })) });
    let count = 0;
    while (!steps.next().done) count++;
    assert.ok(count >= 262_144 / 700, `${count} steps`);
  });
});
