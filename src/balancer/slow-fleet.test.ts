// Slow start over a real routing table and ring, with a clock set by hand: whose keys move, and where to.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { fakeUpstream } from "../../test/balancer/fake-upstream.ts";
import type { FleetChange, Replica, ReplicaState } from "../fleet/fleet.ts";
import { createRing, type PlacementName } from "../ring/ring.ts";
import { policyNamed } from "./policies/named.ts";
import { createRingKeeper } from "./ring-keeper.ts";
import { createRoutingTable } from "./routing-table.ts";
import { slowlyStarting } from "./slow-fleet.ts";

const windowMs = 9000;
const stepMs = 1000;

function world(placement: PlacementName) {
  let nowMs = 0;
  const replicas = new Map<string, Replica>();
  let tell = (_: FleetChange) => {};
  const healthy = () => [...replicas.values()].filter(({ state }) => state === "healthy");
  const fleet = slowlyStarting(
    {
      serving: healthy,
      onChange: (listener) => {
        tell = listener;
      },
      suspect: () => {},
      desiredCount: 3,
    },
    windowMs,
    () => nowMs,
  );
  const counters = { bounded: 0, overflowed: 0, spread: 0 };
  const table = createRoutingTable({
    ring: createRingKeeper({
      ring: createRing(placement === "rendezvous" ? { slots: 16_384 } : { placement }),
      refused: (error) => assert.fail(String(error)),
    }),
    policy: policyNamed("hash", { keyOf: ({ target }) => target, noteKey: null, counters }),
    steering: { loadFactor: null, spreads: [] },
    serving: fleet.serving,
    createUpstream: (name) => fakeUpstream(name),
    joined: () => {},
    left: () => {},
  });
  fleet.onChange(table.apply);
  const put = (name: string, seat: number, state: ReplicaState, more = false, weight = 1) => {
    const address = { host: "127.0.0.1", port: 1000 + seat };
    const replica = { name, seat, weight, state, address, pid: 1, revision: 1, sinceMs: 0, reason: "" };
    const from = replicas.get(name)?.state ?? null;
    replicas.set(name, replica);
    if (state === "dead") replicas.delete(name);
    tell({ replica, from, more });
  };
  for (const seat of [1, 2, 3]) put(`S${seat}`, seat, "healthy");
  fleet.begin();
  table.begin();
  const owners = () =>
    Array.from({ length: 3000 }, (_, key) => {
      const { ring, upstreamsBySeat } = table.current;
      return upstreamsBySeat[ring.lookup(`k${key}`)]?.name ?? "";
    });
  const wait = (forMs: number) => {
    nowMs += forMs;
    mock.timers.tick(forMs);
  };
  return { table, put, owners, wait };
}

function sharesOf(owners: readonly string[], name: string): number {
  return owners.filter((owner) => owner === name).length / owners.length;
}

for (const placement of ["rendezvous", "ketama"] as const) {
  test(`${placement}: a newcomer's share grows in steps, and keys move to it alone`, (context) => {
    mock.timers.enable({ apis: ["setTimeout"] });
    context.after(() => mock.timers.reset());
    const { table, put, owners, wait } = world(placement);
    let before = owners();
    const changes = table.ring.changes;
    put("S4", 4, "healthy");
    for (let step = 1; step <= 10; step++) {
      const now = owners();
      for (const [key, owner] of now.entries()) if (owner !== before[key]) assert.equal(owner, "S4");
      const weight = step / 10;
      // ketama's shares scatter by some per cent of their size; 3000 keys add their own noise.
      assert.ok(Math.abs(sharesOf(now, "S4") - weight / (3 + weight)) < 0.05, `step ${step}`);
      before = now;
      wait(stepMs);
    }
    assert.equal(table.ring.changes, changes + 10);
    assert.deepEqual(owners(), before);
    assert.deepEqual(
      table.current.ring.members.map(({ weight }) => weight),
      [1, 1, 1, 1],
    );
  });

  test(`${placement}: a spare that takes a dead one's seat ramps too; only the dead one's keys are ever elsewhere`, (context) => {
    mock.timers.enable({ apis: ["setTimeout"] });
    context.after(() => mock.timers.reset());
    const { put, owners, wait } = world(placement);
    const before = owners();
    put("S2", 2, "dead", true);
    put("W", 2, "healthy");
    for (let step = 1; step <= 10; step++) {
      const now = owners();
      for (const [key, owner] of now.entries()) if (before[key] !== "S2") assert.equal(owner, before[key]);
      assert.ok(sharesOf(now, "W") <= sharesOf(before, "S2"));
      wait(stepMs);
    }
    assert.deepEqual(
      owners(),
      before.map((owner) => (owner === "S2" ? "W" : owner)),
    );
  });
}

test("a weight that is changed during the ramp counts in the ramp's part, then in full", (context) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  context.after(() => mock.timers.reset());
  const { table, put, wait } = world("rendezvous");
  const weightOf4 = () => table.current.ring.members[3]?.weight;
  put("S4", 4, "healthy");
  assert.equal(weightOf4(), 0.1);
  put("S4", 4, "healthy", false, 5);
  assert.equal(weightOf4(), 0.5);
  wait(windowMs);
  assert.equal(weightOf4(), 5);
});
