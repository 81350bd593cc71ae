// What every policy owes: weights are kept, nobody unfit is chosen, and somebody fit is whenever there is one.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { closedLoop, contendersOf, rosterOf, unsteered } from "../../../test/balancer/contenders.ts";
import { routedRequest } from "../../../test/balancer/routed-request.ts";
import { seededRandom } from "../../load/random.ts";
import type { Upstream } from "../../proxy/upstream.ts";
import { createRing } from "../../ring/ring.ts";
import { hashing } from "./hashing.ts";
import { leastRequest } from "./least-request.ts";
import type { Contender, Policy } from "./roster.ts";
import { roundRobin } from "./round-robin.ts";
import { twoChoices } from "./two-choices.ts";

const policies: Readonly<Record<string, () => Policy>> = {
  hash: () =>
    hashing({
      keyOf: ({ target }) => target,
      noteKey: null,
      counters: { bounded: 0, overflowed: 0, spread: 0 },
    }),
  "round-robin": roundRobin,
  "least-request": leastRequest,
  p2c: () => twoChoices(seededRandom(3)),
};

function rosterWithRing(contenders: readonly Contender[], slots = 4096) {
  const members = contenders.map(({ seat, weight }) => ({ seat, weight }));
  return rosterOf(contenders, createRing({ slots, members }));
}

for (const [name, policy] of Object.entries(policies)) {
  describe(name, () => {
    for (const concurrency of [1, 3, 4, 5, 8, 16, 70, 700]) {
      it(`gives weights 1, 2, 4 their shares within 1 % with ${concurrency} requests under way`, () => {
        const roster = rosterWithRing(contendersOf([1, 2, 4]), 262_144);
        const requests = 70_000;
        const got = closedLoop(roster, policy()(roster, unsteered), { requests, concurrency });
        for (const [index, part] of [1 / 7, 2 / 7, 4 / 7].entries()) {
          const share = (got[index] ?? 0) / requests;
          assert.ok(Math.abs(share - part) <= 0.01, `${share} instead of ${part}`);
        }
      });
    }

    it("chooses nobody who accepts nothing or has failed the request, and somebody as long as there is one", () => {
      const fleet = fc.array(
        fc.record({
          weight: fc.constantFrom(0.1, 1, 2.5, 100),
          inFlight: fc.nat(5),
          accepting: fc.boolean(),
          tried: fc.boolean(),
        }),
        { minLength: 1, maxLength: 12 },
      );
      fc.assert(
        fc.property(fleet, fc.array(fc.string(), { minLength: 1, maxLength: 5 }), (states, keys) => {
          const contenders = contendersOf(states.map(({ weight }) => weight));
          const tried: Upstream[] = [];
          states.forEach(({ inFlight, accepting, tried: failed }, index) => {
            const { upstream } = contenders[index] as Contender;
            Object.assign(upstream, { inFlight, accepting });
            if (failed) tried.push(upstream);
          });
          const roster = rosterWithRing(contenders, 256);
          const fit = states.some((state) => state.accepting && !state.tried);
          for (const loadFactor of name === "hash" ? [null, 1.1] : [null]) {
            const pick = policy()(roster, { loadFactor, spreads: [{ key: keys[0] ?? "", over: 2 }] });
            for (const target of keys) {
              const chosen = pick(routedRequest({ target }), tried);
              if (fit) assert.ok(chosen?.accepting && !tried.includes(chosen));
              else if (chosen !== null) assert.ok(name === "hash" && !tried.includes(chosen));
            }
          }
        }),
        { numRuns: 200 },
      );
    });

    it("chooses nobody when there is nobody", () => {
      const roster = rosterOf([]);
      assert.equal(policy()(roster, unsteered)(routedRequest(), []), null);
    });
  });
}
