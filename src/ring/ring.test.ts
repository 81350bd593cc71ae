// What every placement must keep to, whatever it is like inside.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  createRing,
  createRingInSteps,
  type Key,
  type Member,
  type PlacementName,
  type Ring,
  type RingChange,
  type RingOptions,
  ringCapacity,
  warmUp,
} from "./ring.ts";

/** Small tables keep the many runs short; what holds must hold at any size. */
const kinds: readonly RingOptions[] = [
  { placement: "rendezvous", slots: 1024 },
  { placement: "rendezvous", slots: 999 },
  { placement: "assignment", slots: 512, virtualNodes: 9 },
  { placement: "assignment", probing: "quadratic" },
  { placement: "ketama", virtualNodes: 20 },
  { placement: "maglev", slots: 1009 },
  { placement: "jump" },
];

const keys: readonly Key[] = [
  ...Array.from({ length: 300 }, (_, i) => i * 3_331 + 100_000),
  ...Array.from({ length: 300 }, (_, i) => `/item/${i}`),
];

const name = ({ placement, slots, probing }: RingOptions) =>
  [placement, slots, probing].filter(Boolean).join(" ");

const anySeats = fc.uniqueArray(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 12 });

function anyMembers(placement: PlacementName | undefined): fc.Arbitrary<Member[]> {
  const weight = placement === "jump" ? fc.constant(1) : fc.constantFrom(1, 1, 1, 2, 0.5, 3.25);
  return anySeats.chain((seats) =>
    fc.tuple(...seats.map((seat) => weight.map((w) => ({ seat, weight: w })))),
  );
}

function lookups(ring: Ring): number[] {
  return keys.map((key) => ring.lookup(key));
}

for (const kind of kinds) {
  const { placement } = kind;
  describe(name(kind), () => {
    it("does not depend on the order of joins", () => {
      fc.assert(
        fc.property(anyMembers(placement), fc.infiniteStream(fc.nat()), (members, order) => {
          const all = createRing({ ...kind, members });
          const shuffled = members
            .map((member) => [order.next().value ?? 0, member] as const)
            .sort(([a], [b]) => a - b)
            .map(([, member]) => member);
          const empty = createRing(kind);
          const joined = shuffled.reduce((ring: Ring, member) => ring.with({ add: [member] }), empty);
          assert.deepEqual(lookups(joined), lookups(all));
        }),
        { numRuns: 25 },
      );
    });

    it("comes out of any change as it would from nothing", () => {
      const cases = fc.tuple(
        anyMembers(placement),
        anyMembers(placement),
        fc.nat(),
        fc.constantFrom(0.25, 1, 4),
      );
      fc.assert(
        fc.property(cases, ([members, others, pick, weight]) => {
          const change = someChange(members, others, pick, placement === "jump" ? 1 : weight);
          const before = createRing({ ...kind, members });
          const after = before.with(change);
          assert.deepEqual(lookups(after), lookups(createRing({ ...kind, members: after.members })));
          assert.deepEqual(after.shares(), createRing({ ...kind, members: after.members }).shares());
          assert.deepEqual(
            lookups(before),
            lookups(createRing({ ...kind, members })),
            "the old ring is as it was",
          );
        }),
        { numRuns: 40 },
      );
    });

    it("gives every seat once, the owner first", () => {
      fc.assert(
        fc.property(anyMembers(placement), (members) => {
          const ring = createRing({ ...kind, members });
          const seats = ring.members.map(({ seat }) => seat);
          for (const key of keys.slice(280, 320)) {
            const order = [...ring.candidates(key)];
            assert.equal(order[0], ring.lookup(key));
            assert.deepEqual(
              order.sort((a, b) => a - b),
              seats,
            );
          }
        }),
        { numRuns: 30 },
      );
    });

    it("previews exactly what the change then moves", () => {
      fc.assert(
        fc.property(anyMembers(placement), anyMembers(placement), fc.nat(), (members, others, pick) => {
          const ring = createRing({ ...kind, members });
          const change = someChange(members, others, pick, 1);
          const preview = ring.preview(change);
          const after = ring.with(change);
          assert.deepEqual(preview.after, after.shares());
          assertFlowsMatch(ring.shares(), preview.after, preview);
          assertMovesAreSeen(ring, after, preview);
        }),
        { numRuns: 25 },
      );
    });

    it("has shares that add up to one, and an empty ring that answers 0", () => {
      const ring = createRing({ ...kind, members: [{ seat: 3 }, { seat: 1 }, { seat: 9 }] });
      const sum = [...ring.shares().values()].reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-12, String(sum));
      const empty = createRing(kind);
      const emptied = ring.with({ remove: [1, 3, 9] });
      for (const nobody of [empty, emptied]) {
        assert.equal(nobody.lookup("a"), 0);
        assert.equal(nobody.lookup(7), 0);
        assert.equal(nobody.ownerOf(7), 0);
        assert.deepEqual([...nobody.candidates("a")], []);
        assert.deepEqual([...nobody.shares()], []);
      }
      const preview = empty.preview({ add: [{ seat: 5 }] });
      assert.deepEqual(preview.moves, [{ from: null, to: 5, fraction: 1 }]);
    });

    it("is built in steps into the same ring", () => {
      const members = [{ seat: 2 }, { seat: 5 }, { seat: 6 }];
      const steps = createRingInSteps({ ...kind, members });
      let step = steps.next();
      while (!step.done) step = steps.next();
      assert.deepEqual(lookups(step.value), lookups(createRing({ ...kind, members })));
    });

    it("uses the caller's request hash, and says what is wrong with its result", () => {
      const members = [{ seat: 1 }, { seat: 2 }, { seat: 3 }];
      const constant = createRing({ ...kind, members, requestHash: () => 12_345 });
      assert.equal(new Set(lookups(constant)).size, 1);
      for (const wrong of [
        Number.NaN,
        -1,
        1.5,
        Number.POSITIVE_INFINITY,
        2 ** 53,
        "7" as unknown as number,
      ]) {
        const ring = createRing({ ...kind, members, requestHash: () => wrong });
        assert.throws(() => ring.lookup("/a"), {
          name: "RangeError",
          message: new RegExp(`requestHash.*${wrong}.*"/a".*must return an integer`.replace("+", "\\+")),
        });
      }
    });

    it("refuses keys that are no safe integers", () => {
      const ring = createRing({ ...kind, members: [{ seat: 1 }, { seat: 2 }] });
      for (const key of [1.5, Number.NaN, 2 ** 53]) {
        if (placement === "ketama")
          assert.ok(ring.lookup(key) > 0); // hashed as text, as nginx would
        else assert.throws(() => ring.lookup(key), /safe integer/);
      }
      for (const key of [-1, 0, -0, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
        assert.ok(ring.lookup(key) > 0);
      }
    });
  });
}

for (const kind of kinds.filter(({ placement }) => placement === "rendezvous" || placement === "ketama")) {
  it(`${name(kind)}: a change of one server moves keys to or from that server alone`, () => {
    const cases = fc.tuple(
      anyMembers(kind.placement),
      fc.integer({ min: 1, max: 60_000 }),
      fc.constantFrom(0.5, 1, 6),
    );
    fc.assert(
      fc.property(cases, ([members, seat, weight]) => {
        const without = createRing({ ...kind, members: members.filter((member) => member.seat !== seat) });
        const change = { add: [{ seat, weight }] };
        const joined = without.with(change);
        for (const { to } of without.preview(change).moves) assert.equal(to, seat);
        for (const { from } of joined.preview({ remove: [seat] }).moves) assert.equal(from, seat);
        const heavier = joined.preview({ weights: new Map([[seat, weight * 2]]) });
        for (const { to } of heavier.moves) assert.equal(to, seat);
        const lighter = joined.preview({ weights: new Map([[seat, weight / 2]]) });
        for (const { from } of lighter.moves) assert.equal(from, seat);
        for (const key of keys) {
          if (joined.lookup(key) !== seat) assert.equal(joined.lookup(key), without.lookup(key));
        }
      }),
      { numRuns: 60 },
    );
  });
}

function someChange(members: Member[], others: Member[], pick: number, weight: number): RingChange {
  const leaver = members[pick % members.length] as Member;
  const kept = members[(pick + 1) % members.length] as Member;
  const taken = new Set(members.map(({ seat }) => seat));
  return {
    remove: [leaver.seat],
    add: others.filter(({ seat }) => !taken.has(seat)).slice(0, pick % 4),
    ...(kept.seat === leaver.seat || weight === 1 ? {} : { weights: new Map([[kept.seat, weight]]) }),
  };
}

// Before + what flows in − what flows out = after, for every seat, and the flows add up to `moved`.
function assertFlowsMatch(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  { moved, moves }: ReturnType<Ring["preview"]>,
) {
  const flow = new Map(before);
  for (const { from, to, fraction } of moves) {
    assert.notEqual(from, to);
    flow.set(from ?? 0, (flow.get(from ?? 0) ?? 0) - fraction);
    flow.set(to ?? 0, (flow.get(to ?? 0) ?? 0) + fraction);
  }
  for (const [seat, share] of flow) {
    const wanted = seat === 0 ? (after.size === 0 ? 1 : 0) : (after.get(seat) ?? 0);
    assert.ok(Math.abs(share - wanted) < 1e-9, `seat ${seat}: ${share}, not ${wanted}`);
  }
  const sum = moves.reduce((total, { fraction }) => total + fraction, 0);
  assert.ok(Math.abs(sum - moved) < 1e-9);
}

// No key moves along a way that the preview does not have.
function assertMovesAreSeen(before: Ring, after: Ring, { moves }: ReturnType<Ring["preview"]>) {
  const ways = new Set(moves.map(({ from, to }) => `${from ?? 0}>${to ?? 0}`));
  for (const key of keys) {
    const from = before.lookup(key);
    const to = after.lookup(key);
    if (from !== to) assert.ok(ways.has(`${from}>${to}`), `${key}: ${from} → ${to}`);
  }
}

describe("createRing", () => {
  const refusals: readonly (readonly [string, RingOptions, RegExp])[] = [
    [
      "an unknown placement",
      { placement: "ring" as PlacementName },
      /no placement "ring"; choose rendezvous/,
    ],
    ["no slots", { slots: 0 }, /slots = 0: an integer from 1 to 16777216/],
    ["half a slot", { slots: 1.5 }, /slots = 1.5/],
    ["a size that is no prime", { placement: "maglev", slots: 65_536 }, /65536 slots: a prime.* 65537/],
    [
      "slots for ketama",
      { placement: "ketama", slots: 5 },
      /ketama has no option slots; it takes virtualNodes/,
    ],
    ["nodes for jump", { placement: "jump", virtualNodeHash: () => 1 }, /jump has no option virtualNodeHash/],
    [
      "cubic probing",
      { placement: "assignment", probing: "cubic" as "linear" },
      /"cubic": linear or quadratic/,
    ],
    [
      "short quadratic probing",
      { placement: "assignment", slots: 500, probing: "quadratic" },
      /power of two/,
    ],
    ["an option of no placement", { seed: 1 } as RingOptions, /no option seed/],
    ["seat 0", { members: [{ seat: 0 }] }, /seat 0: a seat is an integer from 1 to 65535/],
    ["seat 65,536", { members: [{ seat: 65_536 }] }, /from 1 to 65535/],
    ["a seat twice", { members: [{ seat: 4 }, { seat: 4 }] }, /seat 4: it is on the ring already/],
    ["weight 0", { members: [{ seat: 4, weight: 0 }] }, /weight 0: a weight is a number from/],
    ["weight NaN", { members: [{ seat: 4, weight: Number.NaN }] }, /weight NaN/],
    [
      "weights for jump",
      { placement: "jump", members: [{ seat: 1 }, { seat: 2, weight: 3 }] },
      /jump has no weights/,
    ],
    [
      "two of one label",
      {
        placement: "ketama",
        members: [
          { seat: 1, label: "a:1" },
          { seat: 2, label: "a:1" },
        ],
      },
      /seats 1 and 2: both have the label "a:1"/,
    ],
  ];
  for (const [what, options, message] of refusals) {
    it(`refuses ${what}`, () => assert.throws(() => createRing(options), { name: "RangeError", message }));
  }

  it("refuses changes to seats that are not there", () => {
    const ring = createRing({ members: [{ seat: 1 }] });
    assert.throws(() => ring.with({ remove: [2] }), /Cannot remove seat 2: .*seats: 1/);
    assert.throws(() => ring.with({ weights: new Map([[2, 1]]) }), /weight of seat 2: it is not on the ring/);
    assert.throws(() => ring.preview({ add: [{ seat: 1 }] }), /on the ring already/);
  });

  it("lets a replacement take the seat of the one it replaces, moving nothing", () => {
    const ring = createRing({ members: [{ seat: 1 }, { seat: 2 }, { seat: 3 }] });
    const change = { remove: [2], add: [{ seat: 2, label: "new:80" }] };
    assert.equal(ring.preview(change).moved, 0);
    assert.equal(ring.with(change).members[1]?.label, "new:80");
  });

  it("says how many servers fit", () => {
    assert.equal(ringCapacity({ placement: "assignment" }), 56);
    assert.equal(ringCapacity({ placement: "assignment", slots: 64, virtualNodes: 3 }), 21);
    assert.equal(ringCapacity({ placement: "maglev", slots: 101 }), 101);
    assert.equal(ringCapacity(), 65_535);
  });

  it("warms up for any placement, and leaves nothing behind", () => {
    for (const { placement } of kinds)
      assert.equal(warmUp(placement === undefined ? {} : { placement }), undefined);
  });

  it("names the virtual node hash that returns what it must not", () => {
    for (const placement of ["rendezvous", "assignment", "ketama", "maglev"] as const) {
      const make = () => createRing({ placement, members: [{ seat: 7 }], virtualNodeHash: () => Number.NaN });
      assert.throws(make, /virtualNodeHash function returned NaN for server 7, virtual node 0/);
    }
  });
});
