import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeUpstream } from "../../test/balancer/fake-upstream.ts";
import { routedRequest } from "../../test/balancer/routed-request.ts";
import type { Upstream } from "../proxy/upstream.ts";
import { createRing } from "../ring/ring.ts";
import { hashing } from "./policies/hashing.ts";
import { createRouting, isReserved } from "./route.ts";
import type { RoutingSnapshot } from "./routing-table.ts";

interface Setting {
  readonly seats: readonly number[];
  readonly members?: readonly number[];
  readonly loadFactor?: number | null;
  readonly requestHash?: () => number;
}

function snapshotOf({ seats, members = seats, loadFactor = null, requestHash }: Setting): RoutingSnapshot {
  const contenders = seats.map((seat) => ({ upstream: fakeUpstream(`S${seat}`), seat, weight: 1 }));
  const upstreamsBySeat: (Upstream | undefined)[] = [];
  for (const { upstream, seat } of contenders) upstreamsBySeat[seat] = upstream;
  const hash = requestHash === undefined ? {} : { requestHash };
  const ring = createRing({ slots: 1024, members: members.map((seat) => ({ seat })), ...hash });
  const counters = { bounded: 0, overflowed: 0, spread: 0 };
  const policy = hashing({ keyOf: ({ target }) => target, noteKey: null, counters });
  const steering = { loadFactor, spreads: [] };
  const roster = { ring, contenders, upstreamsBySeat };
  return { ...roster, replicas: [], steering, pick: policy(roster, steering) };
}

function routingOver(snapshot: RoutingSnapshot, control: Upstream | null = null) {
  return createRouting({
    snapshot: () => snapshot,
    control,
    desiredCount: () => 3,
    rooms: { restLimits: null, roomFor: () => null },
    onHashError: (error) => assert.fail(String(error)),
  });
}

test("a request goes to the owner of its key", () => {
  const snapshot = snapshotOf({ seats: [1, 2, 3] });
  const routing = routingOver(snapshot);
  for (let key = 0; key < 100; key += 1) {
    const target = `/${key}`;
    const owner = snapshot.upstreamsBySeat[snapshot.ring.lookup(target)];
    assert.equal(routing.pick(routedRequest({ target }), []), owner);
  }
});

test("the next candidates follow in the ring's order, each once, then nobody", () => {
  const snapshot = snapshotOf({ seats: [1, 2, 3] });
  const routing = routingOver(snapshot);
  const request = routedRequest({ target: "/k" });
  const tried: Upstream[] = [];
  for (const seat of snapshot.ring.candidates("/k")) {
    const picked = routing.pick(request, tried);
    assert.equal(picked, snapshot.upstreamsBySeat[seat]);
    tried.push(picked as Upstream);
  }
  assert.equal(tried.length, 3);
  assert.equal(routing.pick(request, tried), null);
});

test("a seat that nobody serves is passed over", () => {
  const snapshot = snapshotOf({ seats: [1, 3], members: [1, 2, 3] });
  const routing = routingOver(snapshot);
  for (let key = 0; key < 100; key += 1) {
    const target = `/${key}`;
    const first = [...snapshot.ring.candidates(target)].find((seat) => seat !== 2) as number;
    assert.equal(routing.pick(routedRequest({ target }), []), snapshot.upstreamsBySeat[first]);
  }
});

test("keys of a replica that accepts nothing go to their next candidate, and come back", () => {
  for (const loadFactor of [null, 1.25]) {
    const snapshot = snapshotOf({ seats: [1, 2, 3], loadFactor });
    const second = snapshot.upstreamsBySeat[2] as Upstream;
    const routing = routingOver(snapshot);
    for (let key = 0; key < 100; key += 1) {
      const target = `/${key}`;
      const owner = snapshot.upstreamsBySeat[snapshot.ring.lookup(target)] as Upstream;
      second.accepting = false;
      const picked = routing.pick(routedRequest({ target }), []);
      if (owner !== second) assert.equal(picked, owner);
      assert.notEqual(picked, second);
      second.accepting = true;
      assert.equal(routing.pick(routedRequest({ target }), []), owner);
    }
  }
});

test("when nobody accepts anything, everybody is asked all the same", () => {
  const request = routedRequest({ target: "/k" });
  for (const loadFactor of [null, 1.25]) {
    const snapshot = snapshotOf({ seats: [1, 2], loadFactor });
    for (const upstream of snapshot.upstreamsBySeat) if (upstream !== undefined) upstream.accepting = false;
    const owner = snapshot.upstreamsBySeat[snapshot.ring.lookup("/k")] as Upstream;
    const routing = routingOver(snapshot);
    assert.equal(routing.pick(request, []), owner);
    assert.notEqual(routing.pick(request, [owner]), null);
    assert.notEqual(routing.pick(request, [owner]), owner);
  }
});

test("an empty ring serves nobody, and the answer says so", () => {
  const routing = routingOver(snapshotOf({ seats: [] }));
  const request = routedRequest({ target: "/k" });
  assert.equal(routing.pick(request, []), null);
  assert.deepEqual(routing.unavailable(request), {
    body: '{"message":"<Error> None of the 3 replicas is healthy now; try again in a moment","status":"failure"}',
    retryAfterS: 1,
  });
});

test("reserved paths are matched on the raw path", () => {
  for (const target of ["/rep", "/add", "/rm", "/rep?x", "/rm?", "/add?n=1"])
    assert.ok(isReserved(target), target);
  for (const target of [
    "/",
    "*",
    "/re",
    "/reply",
    "/rep/",
    "/%72ep",
    "//rep",
    "/REP",
    "/home",
    "/address",
    "/rmx",
    "",
  ]) {
    assert.ok(!isReserved(target), target);
  }
});

test("reserved paths go to the control API once, and are plain paths when it is off", () => {
  const snapshot = snapshotOf({ seats: [1, 2] });
  const control = fakeUpstream("control", "control");
  const request = routedRequest({ target: "/rep" });
  assert.equal(routingOver(snapshot, control).pick(request, []), control);
  assert.equal(routingOver(snapshot, control).pick(request, [control]), null);
  assert.match(routingOver(snapshot, control).unavailable(request).body, /control API/);
  assert.equal(routingOver(snapshot).pick(request, [])?.kind, "replica");
});

test("a hash function that fails harms no request: anybody untried takes it, and it is told", () => {
  const snapshot = snapshotOf({ seats: [1, 2], requestHash: () => Number.NaN });
  const errors: unknown[] = [];
  const routing = createRouting({
    snapshot: () => snapshot,
    control: null,
    desiredCount: () => 2,
    rooms: { restLimits: null, roomFor: () => null },
    onHashError: (error) => errors.push(error),
  });
  const first = routing.pick(routedRequest(), []) as Upstream;
  const second = routing.pick(routedRequest(), [first]) as Upstream;
  assert.deepEqual(new Set([first.name, second.name]), new Set(["S1", "S2"]));
  assert.equal(routing.pick(routedRequest(), [first, second]), null);
  assert.equal(errors.length, 3);
  assert.match(String(errors[0]), /requestHash/);
});
