import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fractionOf, nextStepMs, type Ramps, rampsOf } from "./slow-start.ts";

const windowMs = 900;

/** Plays who serves when, and shows who counts how much: `S1 1, S2 0.3`. */
function play(...scenes: [atMs: number, serving: string][]): string[] {
  let ramps: Ramps = { windowMs: 0, beganMs: new Map() };
  return scenes.map(([atMs, serving], index) => {
    const names = serving.split(" ").filter(Boolean);
    ramps = rampsOf(ramps, names, atMs);
    // The first scene is the fleet that starts together.
    if (index === 0) ramps = { ...ramps, windowMs };
    return names.map((name) => `${name} ${fractionOf(ramps, name, atMs)}`).join(", ");
  });
}

test("the first replicas count in full, a newcomer in nine steps", () => {
  assert.deepEqual(
    play(
      [0, "S1 S2"],
      [1000, "S1 S2 S3"],
      [1099, "S1 S2 S3"],
      [1100, "S1 S2 S3"],
      [1899, "S1 S2 S3"],
      [1900, "S3"],
    ),
    [
      "S1 1, S2 1",
      "S1 1, S2 1, S3 0.1",
      "S1 1, S2 1, S3 0.1",
      "S1 1, S2 1, S3 0.2",
      "S1 1, S2 1, S3 0.9",
      "S3 1",
    ],
  );
});

test("who comes back begins again", () => {
  assert.deepEqual(
    play([0, "S1 S2"], [10, "S1"], [20, "S1 S2"], [320, "S1 S2"], [330, "S1"], [340, "S1 S2"]),
    ["S1 1, S2 1", "S1 1", "S1 1, S2 0.1", "S1 1, S2 0.4", "S1 1", "S1 1, S2 0.1"],
  );
});

test("where nobody counts in full a newcomer does, since nobody could spare it the load", () => {
  assert.deepEqual(play([0, "S1"], [10, ""], [20, "R1"], [30, "R1 R2"], [40, "R2 R3"]), [
    "S1 1",
    "",
    "R1 1",
    "R1 1, R2 0.1",
    // R1 is gone, and R2 is still warming up.
    "R2 0.1, R3 1",
  ]);
});

test("a ramp only rises, ends in full when the window is over, and the next step is when it next rises", () => {
  fc.assert(
    fc.property(fc.integer({ min: 9, max: 3_600_000 }), fc.nat(1_000_000), (window, beganMs) => {
      const ramps: Ramps = { windowMs: window, beganMs: new Map([["S1", beganMs]]) };
      let fraction = fractionOf(ramps, "S1", beganMs);
      assert.equal(fraction, 0.1);
      for (let step = 0; step < 9; step++) {
        const atMs = nextStepMs(ramps, beganMs + (step * window) / 9 + 1e-3);
        assert.equal(fractionOf(ramps, "S1", atMs - window / 20), fraction);
        const next = fractionOf(ramps, "S1", atMs + 1e-3);
        assert.ok(Math.abs(next - fraction - 0.1) < 1e-12, `${fraction} → ${next}`);
        fraction = next;
      }
      assert.equal(fraction, 1);
      assert.equal(nextStepMs(ramps, beganMs + window + 1), Number.POSITIVE_INFINITY);
    }),
  );
});
