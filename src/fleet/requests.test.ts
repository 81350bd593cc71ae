import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RoundhouseError } from "../errors.ts";
import { reduce } from "./lifecycle.ts";
import { checkName, randomName } from "./names.ts";
import { checkAdd, checkRemove, checkStart, type FleetBounds } from "./requests.ts";
import { emptyFleet, type FleetState } from "./state.ts";

const bounds: FleetBounds = {
  replicasMax: 64,
  capacity: Number.POSITIVE_INFINITY,
  launchable: Number.POSITIVE_INFINITY,
};

/** S1, S2 and S3, and S4 that is being removed. */
function fleetOfThree(): FleetState {
  const empty = emptyFleet({
    warm: 0,
    fixed: false,
    downAfter: 2,
    upAfter: 1,
    drainMs: 1_000,
    startDeadlineMs: 1_000,
    addDeadlineMs: 1_000,
    weightOf: () => 1,
  });
  const names = ["S1", "S2", "S3", "S4"];
  const replicas = names.map((name, index) => ({ name, seat: index + 1 }));
  const { state } = reduce(empty, { type: "start", batch: 1, replicas, entropy: 1 }, 0);
  return reduce(state, { type: "remove", count: 1, names: ["S4"], entropy: 1 }, 0).state;
}

function refusal(check: () => void): string {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof RoundhouseError);
    assert.equal(error.source, "downstream");
    return `${error.code}: ${error.message}`;
  }
  return "accepted";
}

const state = fleetOfThree();
const added = (count: unknown, ...names: string[]): string =>
  refusal(() => checkAdd(state, count as number, names, bounds));
const removed = (count: unknown, ...names: string[]): string =>
  refusal(() => checkRemove(state, count as number, names));

const table: [string, string, string][] = [
  ["add 1", added(1), "accepted"],
  ["add 61", added(61), "accepted"],
  [
    "add 62",
    added(62),
    "FULL: Cannot add 62 to 3 replicas: at most 64 are allowed (replicasMax); n may be up to 61",
  ],
  [
    "add 1e9",
    added(1e9),
    "FULL: Cannot add 1000000000 to 3 replicas: at most 64 are allowed (replicasMax); n may be up to 61",
  ],
  ["add 0", added(0), "BAD_REQUEST: Cannot add 0 replicas: n must be a whole number of at least 1"],
  ["add -1", added(-1), "BAD_REQUEST: Cannot add -1 replicas: n must be a whole number of at least 1"],
  ["add 1.5", added(1.5), "BAD_REQUEST: Cannot add 1.5 replicas: n must be a whole number of at least 1"],
  [
    "add NaN",
    added(Number.NaN),
    "BAD_REQUEST: Cannot add NaN replicas: n must be a whole number of at least 1",
  ],
  [
    "add more names than n",
    added(1, "A", "B"),
    "BAD_REQUEST: Length of hostname list is more than newly added instances",
  ],
  [
    "add the same twice",
    added(2, "A", "A"),
    'BAD_REQUEST: Cannot add replica "A" twice: name each replica once',
  ],
  [
    "add one that exists",
    added(1, "S3"),
    'NAME_TAKEN: Cannot add replica "S3": a replica of that name exists; choose another name or omit it',
  ],
  [
    "add one that still drains",
    refusal(() => checkAdd(draining(), 1, ["S1"], bounds)),
    'NAME_TAKEN: Cannot add replica "S1": a replica of that name still stops (draining); choose another name or omit it',
  ],
  ["remove 3", removed(3, "S2"), "accepted"],
  ["remove 4", removed(4), "BAD_REQUEST: Cannot remove 4 replicas: there are 3; n may be 1 to 3"],
  [
    "remove more names than n",
    removed(1, "S1", "S2"),
    "BAD_REQUEST: Length of hostname list is more than removable instances",
  ],
  [
    "remove a stranger",
    removed(1, "X"),
    'NOT_FOUND: Cannot remove replica "X": there is none of that name; there are S1, S2, S3',
  ],
  [
    "remove one twice",
    removed(2, "S1", "S1"),
    'BAD_REQUEST: Cannot remove replica "S1" twice: name each replica once',
  ],
];

for (const [what, seen, expected] of table) {
  test(`${what}: ${expected.split(":")[0]}`, () => assert.equal(seen, expected));
}

function draining(): FleetState {
  const running = reduce(
    fleetOfThree(),
    { type: "launched", run: 1, address: { host: "h", port: 1 }, pid: 1, entropy: 1 },
    0,
  ).state;
  const healthy = reduce(running, { type: "answered", run: 1, entropy: 1 }, 0).state;
  return reduce(healthy, { type: "remove", count: 1, names: ["S1"], entropy: 1 }, 0).state;
}

test("the smallest of the bounds is named", () => {
  const of = (changes: Partial<FleetBounds>): string =>
    refusal(() => checkAdd(state, 10, [], { ...bounds, ...changes }));
  assert.match(of({ capacity: 5 }), /the placement's table holds 5; n may be up to 2/);
  assert.match(of({ launchable: 3 }), /only 3 servers were given to balance; n may be up to 0/);
});

test("a fleet cannot start larger than its bounds", () => {
  assert.doesNotThrow(() => checkStart(0, bounds));
  assert.doesNotThrow(() => checkStart(64, bounds));
  for (const count of [65, -1, 1.5, Number.NaN]) {
    assert.throws(() => checkStart(count, bounds), {
      code: "BAD_CONFIG",
      message: `Cannot start ${count} replicas: at most 64 are allowed (replicasMax); choose a whole number from 0 to 64`,
    });
  }
});

test("names: 1 to 63 letters, digits, _ . - beginning with a letter or digit", () => {
  for (const name of ["a", "9", "S1", "a_b.c-d", "x".repeat(63)]) assert.doesNotThrow(() => checkName(name));
  const bad = ["", "-a", ".a", "_a", "a b", "a/b", "ä", "a\n", "x".repeat(64), "a\u0000", "../x"];
  for (const name of bad)
    assert.match(
      refusal(() => checkName(name)),
      /^BAD_REQUEST: Replica name /,
    );
  assert.match(
    refusal(() => checkName("x".repeat(300))),
    /x{80}… \(300 characters\)" is not allowed/,
  );
});

test("random names are allowed names, and never taken ones", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 2 }), (draws) => {
      let at = 0;
      const draw = (): number => draws[at++] ?? at / 1_000_000;
      const first = randomName(draw, () => false);
      checkName(first);
      assert.notEqual(
        randomName(
          () => (at++ < 3 ? (draws[0] as number) : at / 1_000_000),
          (name) => name === first,
        ),
        first,
      );
    }),
  );
});
