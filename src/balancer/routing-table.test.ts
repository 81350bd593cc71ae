import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeUpstream, fakeUpstream } from "../../test/balancer/fake-upstream.ts";
import type { Replica, ReplicaState } from "../fleet/fleet.ts";
import { createRing, type Ring } from "../ring/ring.ts";
import { hashing } from "./policies/hashing.ts";
import { createRingKeeper } from "./ring-keeper.ts";
import { createRoutingTable } from "./routing-table.ts";

/** A table over replicas that the test moves from state to state by hand. */
function world({ slots = 4096, begun = true } = {}) {
  const replicas = new Map<string, Replica>();
  const upstreams: FakeUpstream[] = [];
  const gone: string[] = [];
  const table = createRoutingTable({
    ring: createRingKeeper({
      ring: createRing({ slots }),
      refused: (error) => assert.fail(String(error)),
    }),
    policy: hashing({
      keyOf: ({ target }) => target,
      noteKey: null,
      counters: { bounded: 0, overflowed: 0, spread: 0 },
    }),
    steering: { loadFactor: null, spreads: [] },
    serving: () => [...replicas.values()].filter(({ state }) => state === "healthy"),
    createUpstream: (name) => {
      const upstream = fakeUpstream(name);
      upstreams.push(upstream);
      return upstream;
    },
    joined: () => {},
    left: ({ name }) => gone.push(name),
  });
  if (begun) table.begin();
  const put = (name: string, seat: number, state: ReplicaState, more = false, weight = 1) => {
    const address = { host: "127.0.0.1", port: 1000 + seat };
    const replica = { name, seat, weight, state, address, pid: 1, revision: 1, sinceMs: 0, reason: "" };
    const from = replicas.get(name)?.state ?? null;
    replicas.set(name, replica);
    table.apply({ replica, from, more });
    if (state === "dead") replicas.delete(name);
  };
  const owners = () =>
    Array.from({ length: 500 }, (_, key) => {
      const { ring, upstreamsBySeat } = table.current;
      return upstreamsBySeat[ring.lookup(`k${key}`)]?.name;
    });
  return { table, put, upstreams, gone, owners };
}

test("a replica is in the ring while it is healthy", () => {
  const { table, put, owners } = world();
  put("S1", 1, "starting");
  assert.deepEqual(table.current.ring.members, []);
  put("S1", 1, "healthy");
  put("S2", 2, "healthy");
  assert.deepEqual(new Set(owners()), new Set(["S1", "S2"]));
  put("S1", 1, "down");
  assert.deepEqual(new Set(owners()), new Set(["S2"]));
  put("S1", 1, "healthy");
  assert.deepEqual(new Set(owners()), new Set(["S1", "S2"]));
});

test("only the dead one's keys move, and its replacement on the same seat takes exactly them back", () => {
  const { table, put, owners } = world();
  for (const seat of [1, 2, 3]) put(`S${seat}`, seat, "healthy");
  const before = owners();
  const { ring } = table.current;
  put("S2", 2, "dead");
  for (const [key, owner] of owners().entries()) {
    if (before[key] !== "S2") assert.equal(owner, before[key]);
    else assert.notEqual(owner, "S2");
  }
  put("X", 2, "healthy");
  assert.equal(table.current.ring, ring);
  assert.equal(table.ring.slotsMoved(), slotsOwnedBy(ring, 2));
  assert.deepEqual(
    owners(),
    before.map((owner) => (owner === "S2" ? "X" : owner)),
  );
});

test("a spare that takes the seat in the same turn changes no ring", () => {
  const { table, put, owners } = world();
  for (const seat of [1, 2, 3]) put(`S${seat}`, seat, "healthy");
  const { ring } = table.current;
  const before = owners();
  put("S2", 2, "dead", true);
  put("W", 2, "healthy");
  assert.equal(table.current.ring, ring);
  assert.equal(table.ring.changes, 3);
  assert.deepEqual(
    owners(),
    before.map((owner) => (owner === "S2" ? "W" : owner)),
  );
});

test("a draining replica retires, a dead one is destroyed, each once it is out of the ring", () => {
  const { put, upstreams, gone } = world();
  put("S1", 1, "healthy");
  put("S2", 2, "healthy");
  const [first, second] = upstreams;
  put("S1", 1, "draining");
  assert.deepEqual(first?.asked, ["retire"]);
  put("S1", 1, "dead");
  assert.deepEqual(first?.asked, ["retire", "destroy"]);
  put("S2", 2, "dead");
  assert.deepEqual(second?.asked, ["retire", "destroy"]);
  assert.deepEqual(gone, ["S1", "S2"]);
});

test("changes of one turn are one change of the ring", () => {
  const { table, put } = world();
  for (const seat of [1, 2, 3, 4, 5]) put(`S${seat}`, seat, "healthy", seat < 5);
  assert.equal(table.ring.changes, 1);
  assert.equal(table.current.ring.members.length, 5);
});

test("before it begins, changes are only noted: the first replicas make one ring", () => {
  const { table, put, owners } = world({ begun: false });
  for (const seat of [1, 2, 3]) put(`S${seat}`, seat, "healthy");
  put("S2", 2, "dead");
  assert.deepEqual(table.current.replicas, []);
  table.begin();
  assert.equal(table.ring.changes, 1);
  assert.deepEqual(new Set(owners()), new Set(["S1", "S3"]));
});

test("a large change of a large ring takes several turns, and is right for requests at once", async () => {
  const { table, put, owners } = world({ slots: 262_144 });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (let seat = 1; seat <= 7; seat += 1) put(`S${seat}`, seat, "healthy", seat < 7);
  // The first members are there at once: before them nobody could serve.
  assert.equal(table.current.ring.members.length, 7);
  assert.equal(table.ring.changes, 1);
  assert.equal(table.ring.slotsMoved(), 262_144);
  const before = owners();
  for (const seat of [2, 3, 4, 5, 6]) put(`S${seat}`, seat, "dead", seat < 6);
  assert.equal(table.current.ring.members.length, 7);
  const first = table.current;
  const serving = (key: number) =>
    [...first.ring.candidates(`k${key}`)].map((seat) => first.upstreamsBySeat[seat]?.name).find(Boolean);
  const during = before.map((_, key) => serving(key));
  while (table.current.ring.members.length > 2) await turn();
  assert.deepEqual(owners(), during);
  for (const [key, owner] of before.entries()) {
    if (owner === "S1" || owner === "S7") assert.equal(during[key], owner);
  }
});

test("requests in flight are counted over all upstreams that a replica had", () => {
  const { table, put, upstreams } = world();
  put("S1", 1, "healthy");
  (upstreams[0] as FakeUpstream).inFlight = 2;
  put("S1", 1, "down");
  put("S1", 1, "healthy");
  (upstreams[1] as FakeUpstream).inFlight = 3;
  assert.equal(table.inFlightOf("S1"), 5);
  assert.equal(table.inFlightOf("S9"), 0);
});

test("slots moved are those of the last change, and weights change the ring", () => {
  const { table, put } = world();
  put("S1", 1, "healthy");
  assert.equal(table.ring.slotsMoved(), 4096);
  put("S2", 2, "healthy");
  const moved = table.ring.slotsMoved();
  // 2048 are expected, with a standard deviation of 32.
  assert.ok(moved > 1850 && moved < 2250, `${moved} of 4096`);
  assert.equal(table.ring.slotsMoved(), moved);
  assert.equal(moved, slotsOwnedBy(table.current.ring, 2));
  put("S3", 3, "healthy");
  const owned = slotsOwnedBy(table.current.ring, 3);
  put("S3", 3, "draining");
  assert.equal(table.ring.slotsMoved(), owned);
  put("S2", 2, "healthy", false, 3);
  assert.equal(table.current.ring.members[1]?.weight, 3);
  assert.ok(Math.abs((table.ring.shares().get(2) ?? 0) - 0.75) < 0.05);
});

function slotsOwnedBy(ring: Ring, seat: number): number {
  return Math.round((ring.shares().get(seat) ?? 0) * ring.slots);
}
