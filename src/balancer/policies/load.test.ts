// How the policies that look at loads choose: the least loaded for its weight, the better of two, within the bound.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  closedLoop,
  contendersOf,
  rosterOf,
  unsteered,
  zipfKeys,
} from "../../../test/balancer/contenders.ts";
import { routedRequest } from "../../../test/balancer/routed-request.ts";
import { seededRandom } from "../../load/random.ts";
import { createRing, type PlacementName } from "../../ring/ring.ts";
import { hashing } from "./hashing.ts";
import { leastRequest } from "./least-request.ts";
import type { Contender, Roster } from "./roster.ts";
import { twoChoices } from "./two-choices.ts";

const placements: readonly PlacementName[] = ["rendezvous", "assignment", "ketama", "maglev", "jump"];

function loadOf({ upstream, weight }: Contender): number {
  return upstream.inFlight / weight;
}

describe("least-request", () => {
  it("chooses the least loaded, and with weights nobody who would be more loaded than another is with one request more", () => {
    const fleet = (weight: fc.Arbitrary<number>) =>
      fc.array(fc.record({ weight, inFlight: fc.nat(9) }), { minLength: 1, maxLength: 9 });
    for (const weight of [fc.constant(3), fc.constantFrom(0.5, 1, 2, 4)]) {
      fc.assert(
        fc.property(fleet(weight), fc.integer({ min: 1, max: 40 }), (states, picks) => {
          const contenders = contendersOf(states.map((state) => state.weight));
          states.forEach(({ inFlight }, index) => {
            (contenders[index] as Contender).upstream.inFlight = inFlight;
          });
          const pick = leastRequest()(rosterOf(contenders), unsteered);
          const equal = new Set(states.map((state) => state.weight)).size === 1;
          // The loads stay as they are, so that whoever is passed over is owed more and more.
          for (let count = 0; count < picks; count++) {
            const picked = pick(routedRequest(), []);
            const chosen = contenders.find(({ upstream }) => upstream === picked);
            const load = loadOf(chosen as Contender);
            const least = Math.min(...contenders.map(loadOf));
            const withOneMore = Math.min(...contenders.map((each) => loadOf(each) + 1 / each.weight));
            assert.ok(equal ? load === least : load < withOneMore, `${load}, ${least} is the least`);
          }
        }),
      );
    }
  });

  it("lets equals take turns: an idle fleet is not served by its first replica", () => {
    const pick = leastRequest()(rosterOf(contendersOf([1, 1, 1])), unsteered);
    const names = Array.from({ length: 6 }, () => pick(routedRequest(), [])?.name);
    assert.deepEqual(names, ["S1", "S2", "S3", "S1", "S2", "S3"]);
  });
});

describe("p2c", () => {
  it("takes the better of two different ones", () => {
    const contenders = contendersOf([1, 1]);
    const [first, second] = contenders as [Contender, Contender];
    first.upstream.inFlight = 3;
    const pick = twoChoices(seededRandom(1))(rosterOf(contenders), unsteered);
    const chosen = Array.from({ length: 1000 }, () => pick(routedRequest(), []));
    // Only when eight draws in a row gave the same one is there no second: once in 256.
    assert.ok(chosen.filter((each) => each === second.upstream).length > 970);
  });

  it("keeps a hundred replicas far closer together than chance would", () => {
    const peakOf = (pick: (roster: Roster) => () => Contender["upstream"] | null) => {
      const roster = rosterOf(contendersOf(Array(100).fill(1)));
      let peak = 0;
      const after = ({ inFlight }: { inFlight: number }) => {
        peak = Math.max(peak, inFlight);
      };
      closedLoop(roster, pick(roster), { requests: 30_000, concurrency: 1000, after });
      return peak;
    };
    const two = peakOf((roster) => {
      const pick = twoChoices(seededRandom(1))(roster, unsteered);
      return () => pick(routedRequest(), []);
    });
    const random = seededRandom(2);
    const chance = peakOf(
      ({ contenders }) =>
        () =>
          contenders[Math.floor(random() * 100)]?.upstream ?? null,
    );
    assert.ok(two <= 15 && chance >= 20, `${two} against ${chance}, 10 on average`);
  });
});

describe("bounded loads", () => {
  const counters = { bounded: 0, overflowed: 0, spread: 0 };
  const boundedHash = hashing({ keyOf: ({ target }) => target, noteKey: null, counters });

  for (const placement of placements) {
    it(`hold over ${placement}, by weight, whoever accepts requests`, () => {
      const weight = placement === "jump" ? fc.constant(1) : fc.constantFrom(1, 2, 3);
      const fleet = fc.array(fc.record({ weight, accepting: fc.boolean() }), { minLength: 2, maxLength: 8 });
      const loadFactor = fc.constantFrom(1.05, 1.25, 2);
      const keys = fc.array(fc.nat(3), { minLength: 1, maxLength: 120 });
      fc.assert(
        fc.property(fleet, loadFactor, keys, (states, c, sent) => {
          if (!states.some(({ accepting }) => accepting)) return;
          const contenders = contendersOf(states.map((state) => state.weight));
          states.forEach(({ accepting }, index) => {
            (contenders[index] as Contender).upstream.accepting = accepting;
          });
          const members = contenders.map((each) => ({ seat: each.seat, weight: each.weight }));
          const roster = rosterOf(contenders, createRing({ placement, members }));
          const pick = boundedHash(roster, { loadFactor: c, spreads: [{ key: "/0", over: 2 }] });
          const open = contenders.filter(({ upstream }) => upstream.accepting);
          const weights = open.reduce((sum, each) => sum + each.weight, 0);
          sent.forEach((key, total) => {
            const chosen = pick(routedRequest({ target: `/${key}` }), []);
            const contender = open.find(({ upstream }) => upstream === chosen) as Contender;
            const cap = Math.ceil((c * (total + 1) * contender.weight) / weights);
            contender.upstream.inFlight++;
            assert.ok(contender.upstream.inFlight <= cap, `${contender.upstream.inFlight} of ${cap}`);
          });
        }),
        { numRuns: 40 },
      );
    });
  }

  it("keep Zipf(1.1) keys over 10 replicas within 1.25 times the average and one request", () => {
    const contenders = contendersOf(Array(10).fill(1));
    const members = contenders.map(({ seat }) => ({ seat }));
    const roster = rosterOf(contenders, createRing({ members }));
    const keyOf = zipfKeys(1000, 1.1);
    const concurrency = 200;
    const requests = 40_000;
    let peak = 0;
    const after = ({ inFlight }: { inFlight: number }) => {
      peak = Math.max(peak, inFlight);
    };
    Object.assign(counters, { bounded: 0, overflowed: 0 });
    const pick = boundedHash(roster, { loadFactor: 1.25, spreads: [] });
    closedLoop(roster, pick, { requests, concurrency, keyOf, after });
    assert.ok(peak <= 1.25 * (concurrency / 10) + 1, `${peak} in flight, ${concurrency / 10} on average`);
    const spilled = counters.overflowed / counters.bounded;
    assert.equal(counters.bounded, requests);
    assert.ok(spilled > 0.02 && spilled < 0.5, `${spilled} of the requests were spilled`);
    closedLoop(roster, boundedHash(roster, unsteered), { requests, concurrency, keyOf, after });
    assert.ok(peak > 2 * (concurrency / 10), `without a bound only ${peak}`);
  });
});
