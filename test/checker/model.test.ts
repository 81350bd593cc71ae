// The checker against a queue in memory: nothing to find in a correct one, whatever the schedule, and each missing
// protection found. A checker that finds nothing there would be worth nothing anywhere.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { checkHistory, type FindingKind } from "./check.ts";
import type { Defect } from "./model-broker.ts";
import { runModel } from "./model-run.ts";

/** What each defect must show as, in one of its histories at least. */
const expected: Record<Defect, FindingKind> = {
  "ack-before-sync": "lost",
  "dropped-write": "lost",
  "no-epoch-check": "inconsistent",
  "offset-reused": "inconsistent",
  "no-deduplication": "duplicated",
  swapped: "reordered",
  "dirty-reads": "inconsistent",
  "poll-skips": "skipped",
  "poll-repeats": "nonmonotonic",
  "tail-cut": "unseen",
  "refused-but-stored": "phantom",
  "made-up": "phantom",
};

const HISTORIES = 40;

describe("the checker, on a model broker", () => {
  it("finds nothing in a correct one", () => {
    let operations = 0;
    const world = fc.record({
      seed: fc.integer(),
      shards: fc.integer({ min: 1, max: 4 }),
      producers: fc.integer({ min: 1, max: 4 }),
      readers: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(world, (options) => {
        const history = runModel(options);
        operations += history.length;
        assert.deepEqual(checkHistory(history), []);
      }),
      { numRuns: 200 },
    );
    // Histories in which nothing happens would prove nothing.
    assert.ok(operations > 200 * 100, `${operations} operations`);
  });

  for (const [defect, kind] of Object.entries(expected)) {
    it(`finds ${defect}`, () => {
      const found = new Set<FindingKind>();
      let telling = 0;
      for (let seed = 1; seed <= HISTORIES; seed++) {
        const options = { seed, shards: 2, producers: 3, readers: 2, defect: defect as Defect };
        const findings = checkHistory(runModel(options));
        for (const finding of findings) found.add(finding.kind);
        if (findings.length > 0) telling++;
      }
      assert.ok(found.has(kind), `found only: ${[...found].join(", ")}`);
      // Not by luck: most histories show it.
      assert.ok(telling > HISTORIES / 2, `${telling} of ${HISTORIES} histories show it`);
    });
  }
});
