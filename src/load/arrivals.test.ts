import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createArrivals, createPlan, parseStages } from "./arrivals.ts";
import { seededRandom } from "./random.ts";

function allOf(next: () => number | null): number[] {
  const times: number[] = [];
  for (let at = next(); at !== null; at = next()) times.push(at);
  return times;
}

describe("stages", () => {
  it("are a duration and a level each", () => {
    assert.deepEqual(parseStages("500ms:10, 10s:100,2m:0.5"), [
      { seconds: 0.5, level: 10 },
      { seconds: 10, level: 100 },
      { seconds: 120, level: 0.5 },
    ]);
  });

  for (const text of ["", "10:5", "10s", "0s:5", "10s:-1", "10s:5,"]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseStages(text), { code: "BAD_CONFIG", message: /such as 10s:100 or 2m:500/ });
    });
  }
});

describe("arrivals", () => {
  it("at a constant rate come evenly", () => {
    const times = allOf(createArrivals(createPlan(parseStages("2s:4")), "even", seededRandom(1)));
    assert.deepEqual(times, [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]);
  });

  it("rise with a ramp: as many as the area below the line", () => {
    const plan = createPlan(parseStages("1s:0,10s:100,1s:100"));
    const times = allOf(createArrivals(plan, "even", seededRandom(1)));
    assert.equal(times.length, 600);
    assert.equal(times.filter((at) => at < 6).length, Math.round(12.5 * 10)); // 5 s into the ramp: 50/s, 125 so far
    assert.equal(plan.level(6), 50);
  });

  it("by chance have the right number and the right spread", () => {
    const times = allOf(createArrivals(createPlan(parseStages("100s:100")), "poisson", seededRandom(3)));
    assert.ok(Math.abs(times.length - 10_000) < 400, `${times.length} came, of 10,000 expected`);
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    assert.ok(Math.abs(Math.sqrt(variance) / mean - 1) < 0.05, "the gaps are not exponential");
  });

  it("never go back, and stay within the plan", () => {
    const stage = fc.record({
      seconds: fc.integer({ min: 1, max: 20 }).map((tenths) => tenths / 10),
      level: fc.integer({ min: 0, max: 200 }),
    });
    fc.assert(
      fc.property(fc.array(stage, { minLength: 1, maxLength: 5 }), fc.integer(), (stages, seed) => {
        const plan = createPlan(stages);
        for (const spacing of ["even", "poisson"] as const) {
          const times = allOf(createArrivals(plan, spacing, seededRandom(seed)));
          for (const [i, at] of times.entries()) {
            assert.ok(at >= (times[i - 1] ?? 0) && at <= plan.seconds + 1e-9);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
