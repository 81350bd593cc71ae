import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pauseMs, quickDeathsForgiven, strikesAfterDeath, strikesAfterFailedStart } from "./backoff.ts";

test("pauses double from 100–200 ms to 7.5–15 s, whatever the jitter", () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5_000 }), unit, (failures, jitter) => {
      const wholeMs = Math.min(15_000, 200 * 2 ** Math.min(failures, 20));
      const pause = pauseMs(quickDeathsForgiven + 1 + failures, jitter);
      assert.ok(pause >= wholeMs / 2 && pause <= wholeMs, `${pause} for ${failures} failures`);
    }),
  );
});

test("the first failed start costs a pause at once; quick deaths only after the forgiven ones", () => {
  assert.ok(pauseMs(strikesAfterFailedStart(0), 0) > 0);
  let strikes = 0;
  const pauses: number[] = [];
  for (let death = 0; death < quickDeathsForgiven + 1; death += 1) {
    strikes = strikesAfterDeath(strikes, 100);
    pauses.push(pauseMs(strikes, 0));
  }
  assert.deepEqual(pauses, [0, 0, 0, 0, 0, 100]);
  assert.equal(strikesAfterDeath(strikes, 60_000), 0);
});
