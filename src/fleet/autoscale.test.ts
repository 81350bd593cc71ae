// What holds for every load and policy: the bounds, calm on a load that is nearly constant, and arrival where a load that
// has changed is served. A fleet of the test's own carries the decisions out.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AutoscaleDecision, type AutoscalePolicy, beginAutoscale, reduce } from "./autoscale.ts";
import type { LoadSignals } from "./load-opinions.ts";

const policyArb: fc.Arbitrary<AutoscalePolicy> = fc
  .record({
    min: fc.integer({ min: 1, max: 8 }),
    more: fc.integer({ min: 0, max: 40 }),
    inFlight: fc.double({ min: 0.5, max: 50, noNaN: true }),
    toleranceRatio: fc.double({ min: 0.05, max: 0.5, noNaN: true }),
    stepRatioMax: fc.double({ min: 1.2, max: 4, noNaN: true }),
    upCooldownMs: fc.integer({ min: 0, max: 10_000 }),
    downCooldownMs: fc.integer({ min: 0, max: 30_000 }),
    stabilizationMs: fc.integer({ min: 0, max: 60_000 }),
  })
  .map(({ min, more, inFlight, ...rest }) => ({
    ...rest,
    min,
    max: min + more,
    targets: { inFlight },
    idleMs: 60_000,
  }));

interface Fleet {
  count: number;
  decisions: AutoscaleDecision[];
}

/** Takes a reading each second; `loadAt` gives the sum in flight. A start takes `startS` readings. */
function run(
  policy: AutoscalePolicy,
  first: number,
  seconds: number,
  startS: number,
  loadAt: (second: number) => Partial<LoadSignals>,
  visit: (second: number, fleet: Fleet) => void = () => {},
): Fleet {
  const fleet: Fleet = { count: first, decisions: [] };
  let state = beginAutoscale(policy);
  let change: { to: number; atS: number } | null = null;
  for (let second = 0; second < seconds; second += 1) {
    const done = change !== null && change.atS <= second;
    if (change !== null && done) {
      fleet.count = change.to;
      change = null;
    }
    const wanted = fleet.count;
    const signals = { inFlight: 0, requestsPerS: 0, p95Ms: 0, answers: 100, cpuCores: [], ...loadAt(second) };
    const step = reduce(
      state,
      {
        wanted,
        serving: wanted,
        starting: 0,
        changing: change !== null,
        outcome: done ? "done" : null,
        busy: true,
        held: 0,
        signals,
      },
      second * 1000,
    );
    state = step.state;
    if (step.decision !== null) {
      fleet.decisions.push(step.decision);
      assert.equal(step.decision.from, wanted);
      assert.notEqual(step.decision.to, wanted);
      change = { to: step.decision.to, atS: second + startS };
    }
    visit(second, fleet);
  }
  return fleet;
}

const maybe = (max: number) => fc.option(fc.double({ min: 0, max, noNaN: true }), { nil: null });

test("no reading whatever leads out of min..max, nor further than one step", () => {
  const signalsArb = fc.record({
    inFlight: maybe(1e6),
    requestsPerS: maybe(1e6),
    p95Ms: maybe(1e5),
    answers: fc.integer({ min: 0, max: 1000 }),
    cpuCores: fc.array(maybe(4), { maxLength: 50 }),
  });
  const targetsArb = fc.record(
    {
      inFlight: fc.double({ min: 0.1, max: 100, noNaN: true }),
      requestsPerS: fc.double({ min: 1, max: 10_000, noNaN: true }),
      p95Ms: fc.integer({ min: 1, max: 10_000 }),
      cpuCores: fc.double({ min: 0.05, max: 4, noNaN: true }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      policyArb,
      targetsArb,
      fc.nat(40),
      fc.array(signalsArb, { minLength: 1, maxLength: 60 }),
      (drawn, targets, above, readings) => {
        const policy = { ...drawn, targets };
        const first = Math.min(policy.max, policy.min + above);
        const { decisions } = run(policy, first, readings.length, 1, (second) => readings[second] ?? {});
        for (const { from, to } of decisions) {
          assert.ok(to >= policy.min && to <= policy.max);
          assert.ok(to <= Math.max(from + 1, from * policy.stepRatioMax));
          assert.ok(to >= Math.min(from - 1, from / policy.stepRatioMax));
        }
      },
    ),
  );
});

test("a constant load with noise within the tolerance: what was taken away is never asked for again", () => {
  fc.assert(
    fc.property(
      policyArb,
      fc.double({ min: 0, max: 60, noNaN: true }),
      fc.nat(40),
      // The worst that noise can be: low for as long as any window, then high.
      fc.integer({ min: 1, max: 120 }),
      (policy, loadOfReplicas, above, halfPeriodS) => {
        const tolerance = policy.toleranceRatio;
        // As much as the dead band bears: (1 + x) / (1 - x) = (1 + tolerance)²
        const band = (1 + tolerance) ** 2;
        const amplitude = ((band - 1) / (band + 1)) * 0.999;
        const load = loadOfReplicas * (policy.targets.inFlight ?? 1);
        const first = Math.min(policy.max, policy.min + above);
        const { decisions } = run(policy, first, 600, 1, (second) => ({
          inFlight: load * (1 + (Math.floor(second / halfPeriodS) % 2 === 0 ? amplitude : -amplitude)),
        }));
        const downAt = decisions.findIndex(({ from, to }) => to < from);
        const upAgain = downAt < 0 ? undefined : decisions.slice(downAt).find(({ from, to }) => to > from);
        assert.equal(upAgain, undefined, JSON.stringify(decisions));
      },
    ),
    { numRuns: 200 },
  );
});

test("after a step of the load the fleet arrives where its target is met, and stays there", () => {
  fc.assert(
    fc.property(
      policyArb,
      fc.double({ min: 0, max: 60, noNaN: true }),
      fc.double({ min: 0, max: 60, noNaN: true }),
      fc.integer({ min: 1, max: 8 }),
      (policy, before, after, startS) => {
        const target = policy.targets.inFlight ?? 1;
        const stepS = 100;
        // Up or down by the least step of 1.2 that there is, through all of 48, with cooldowns and starts in between.
        const arriveS = stepS + 60 + 30 * (startS + 31);
        const { count } = run(
          policy,
          policy.min,
          arriveS + 60,
          startS,
          (second) => ({ inFlight: target * (second < stepS ? before : after) }),
          (second, fleet) => {
            if (second === arriveS) fleet.decisions.length = 0;
            assert.ok(second < arriveS || fleet.decisions.length === 0, "it has arrived");
          },
        );
        const tolerance = 1 + policy.toleranceRatio;
        if (count < policy.max) assert.ok(after <= count * tolerance * (1 + 1e-9), "enough");
        if (count > policy.min) assert.ok(after * tolerance > count - 1 - 1e-9, "one fewer would not do");
      },
    ),
    { numRuns: 100 },
  );
});
