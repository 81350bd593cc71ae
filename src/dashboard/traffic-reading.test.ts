import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { difference, type TrafficNow } from "../balancer/dashboard/traffic-source.ts";
import { withTrafficChange } from "./traffic-reading.ts";

const names = fc.constantFrom("S1", "S2", "S3", "S4");
const reading = fc.record({
  atMs: fc.nat(9),
  totals: fc.constant(null),
  figures: fc.dictionary(names, fc.record({ requestsPerS: fc.nat(2) })),
  departed: fc.nat(3),
}) as unknown as fc.Arbitrary<TrafficNow>;

/** As it comes over the wire, in an order that does not matter. */
const sorted = ({ figures, ...rest }: TrafficNow) =>
  JSON.parse(
    JSON.stringify({
      ...rest,
      figures: Object.keys(figures)
        .sort()
        .map((name) => [name, figures[name]]),
    }),
  );

test("a difference leads from any reading to any other", () => {
  fc.assert(
    fc.property(reading, reading, (before, now) => {
      assert.deepEqual(sorted(withTrafficChange(before, difference(before, now))), sorted(now));
    }),
  );
});
