import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ReplicaReport, StatusReport } from "../balancer/admin-api.ts";
import { difference } from "../balancer/dashboard/fleet-source.ts";
import { withFleetChange } from "./fleet-reading.ts";

const replica = fc.record({
  name: fc.constantFrom("S1", "S2", "S3", "S4", "S5"),
  inFlight: fc.nat(2),
}) as unknown as fc.Arbitrary<ReplicaReport>;
const status = fc.record({
  desired: fc.nat(3),
  replicas: fc.uniqueArray(replica, { selector: ({ name }) => name }),
  spares: fc.constant([]),
}) as unknown as fc.Arbitrary<StatusReport>;

/** As it comes over the wire, in an order that does not matter. */
const sorted = ({ replicas, ...rest }: StatusReport) =>
  JSON.parse(
    JSON.stringify({ ...rest, replicas: replicas.toSorted((a, b) => a.name.localeCompare(b.name)) }),
  );

test("a difference leads from any reading to any other, and rows keep their order", () => {
  fc.assert(
    fc.property(status, status, (before, now) => {
      const reached = withFleetChange(before, difference(before, now));
      assert.deepEqual(sorted(reached), sorted(now));
      const stayed = ({ replicas }: StatusReport, others: StatusReport) =>
        replicas.map(({ name }) => name).filter((name) => others.replicas.some((r) => r.name === name));
      assert.deepEqual(stayed(reached, before), stayed(before, reached));
    }),
  );
});
