// Who is taken out when there are too many. What is decided is fleet/autoscale.ts; the rest is test/balancer.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRing } from "../ring/ring.ts";
import { namesToRemove } from "./autoscaler.ts";

const fleet = (...seats: number[]) => seats.map((seat) => ({ name: `on${seat}`, seat }));

test("the highest seats go, whoever joined last; before them those that do not serve", () => {
  // On seat 2 sits the replacement of one that died: it joined last.
  const there = fleet(1, 3, 4, 2);
  assert.deepEqual(namesToRemove(there, there, 2), ["on4", "on3"]);
  assert.deepEqual(namesToRemove(there, fleet(2, 3, 4), 2), ["on1", "on4"]);
  assert.deepEqual(namesToRemove(there, [], 5), ["on4", "on3", "on2", "on1"]);
});

test("a fleet that grew and shrank has the ring that it had: every key is back where it was", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom("rendezvous", "ketama", "maglev", "jump", "assignment"),
      (before, more, placement) => {
        const seats = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
        const small = createRing({ placement }).with({ add: seats(before).map((seat) => ({ seat })) });
        const added = seats(before + more).slice(before);
        const large = small.with({ add: added.map((seat) => ({ seat })) });
        const gone = namesToRemove(fleet(...seats(before + more)), fleet(...seats(before + more)), more);
        const again = large.with({ remove: gone.map((name) => Number(name.slice(2))) });
        for (let key = 0; key < 200; key += 1)
          assert.equal(again.lookup(100_000 + key), small.lookup(100_000 + key));
      },
    ),
    { numRuns: 40 },
  );
});
