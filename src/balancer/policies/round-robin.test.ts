import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contendersOf, rosterOf, unsteered } from "../../../test/balancer/contenders.ts";
import { routedRequest } from "../../../test/balancer/routed-request.ts";
import type { Contender, Picker } from "./roster.ts";
import { roundRobin } from "./round-robin.ts";

function names(pick: Picker, count: number): string {
  return Array.from({ length: count }, () => pick(routedRequest(), [])?.name.slice(1)).join(" ");
}

test("nginx's own example: weights 5, 1, 1", () => {
  const pick = roundRobin()(rosterOf(contendersOf([5, 1, 1])), unsteered);
  assert.equal(names(pick, 14), "1 1 2 1 3 1 1 1 1 2 1 3 1 1");
});

test("in each cycle everybody is chosen exactly as often as the weight says", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), (weights) => {
      const pick = roundRobin()(rosterOf(contendersOf(weights)), unsteered);
      const cycle = weights.reduce((sum, weight) => sum + weight, 0);
      for (let round = 0; round < 3; round++) {
        const got = new Map<string, number>();
        for (let turn = 0; turn < cycle; turn++) {
          const name = pick(routedRequest(), [])?.name ?? "";
          got.set(name, (got.get(name) ?? 0) + 1);
        }
        weights.forEach((weight, index) => {
          assert.equal(got.get(`S${index + 1}`), weight);
        });
      }
    }),
  );
});

test("the round goes on when the roster changes: nobody is served twice in a row for it", () => {
  const policy = roundRobin();
  const contenders = contendersOf([1, 1, 1]);
  assert.equal(names(policy(rosterOf(contenders), unsteered), 1), "1");
  assert.equal(names(policy(rosterOf(contenders), unsteered), 1), "2");
  assert.equal(names(policy(rosterOf(contenders), unsteered), 4), "3 1 2 3");
});

test("after weights fell from 1000 to 1 nobody waits for a thousand turns", () => {
  const policy = roundRobin();
  const heavy = contendersOf([1000, 1000]);
  names(policy(rosterOf(heavy), unsteered), 1);
  const light = heavy.map((contender) => ({ ...contender, weight: 1 })) satisfies Contender[];
  assert.equal(names(policy(rosterOf(light), unsteered), 4), "2 1 2 1");
});
