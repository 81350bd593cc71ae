// Requests that nobody can take now: which room they wait in, for how long, and what their clients learn.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answering,
  ask,
  eventually,
  getClose,
  ok,
  type Script,
  scriptedUpstream,
  type TestedProxy,
  testedProxy,
} from "../proxy/scripted.test.ts";
import { createUpstream, type Upstream } from "../proxy/upstream.ts";
import { createWaitingRooms, type WaitingRooms, type WaitingRoomsParts } from "./waiting-room.ts";

const dies: Script = (socket) => {
  socket.destroy();
  return true;
};

const gap = { waitingMax: 10, waitMs: 3_000 };

function rooms(parts: Partial<WaitingRoomsParts> = {}): WaitingRooms {
  return createWaitingRooms({ rest: null, gap, desiredCount: () => 1, wake: () => {}, ...parts });
}

const waitOf = (room: Upstream | null) => (room as { limits?: { waitMs: number } } | null)?.limits?.waitMs;

test("a gap begins when the last one goes, and is worth waiting for as long as for a place", () => {
  let nowMs = 0;
  const waiting = rooms({ nowMs: () => nowMs });
  assert.equal(waiting.roomFor(0), null, "nobody has ever served");
  waiting.changed(1);
  assert.equal(waitOf(waiting.roomFor(0)), 3_000, "known before anybody was told");
  nowMs = 2_999;
  waiting.changed(0);
  assert.equal(waitOf(waiting.roomFor(0)), 3_000);
  nowMs = 3_000;
  assert.equal(waiting.roomFor(0), null, "the successor does not come");
  waiting.changed(1);
  waiting.changed(0);
  assert.equal(waitOf(waiting.roomFor(0)), 3_000, "the next gap");
});

test("nobody is waited for where there are to be no replicas", () => {
  const waiting = rooms({ desiredCount: () => 0 });
  waiting.changed(1);
  waiting.changed(0);
  assert.equal(waiting.roomFor(0), null);
});

test("who was failed by all that serve waits briefly", () => {
  assert.equal(waitOf(rooms().roomFor(2)), 500);
});

test("at rest the first request wakes, and a reload that closes the room keeps those in it for who comes", () => {
  let woken = 0;
  const waiting = rooms({
    rest: { heldMax: 5, waitMs: 30_000 },
    wake: () => void woken++,
    desiredCount: () => 0,
  });
  assert.equal(waitOf(waiting.roomFor(0)), 30_000);
  assert.equal(woken, 1);
  waiting.reconfigure(null, 0);
  assert.equal(waiting.roomFor(0), null);
  assert.equal(waiting.restLimits, null);
});

/** A proxy before upstreams of which so many serve now; `serve` changes that, as a fleet does. */
async function withFleet(
  ports: readonly number[],
  waitMs: number,
  use: (tested: TestedProxy, waiting: WaitingRooms, serve: (...seats: number[]) => void) => Promise<void>,
): Promise<void> {
  const waiting = rooms({ gap: { waitingMax: 1, waitMs } });
  const all = ports.map((port, at) =>
    createUpstream({ name: `S${at + 1}`, address: { host: "127.0.0.1", port } }),
  );
  let serving: readonly Upstream[] = [];
  const serve = (...seats: number[]): void => {
    const gone = serving;
    serving = seats.flatMap((seat) => all[seat - 1] ?? []);
    for (const upstream of gone) if (!serving.includes(upstream)) upstream.destroy();
    waiting.changed(serving.length);
  };
  const routing = {
    pick: (_request: unknown, tried: readonly Upstream[]) =>
      serving.find((upstream) => !tried.includes(upstream)) ?? waiting.roomFor(serving.length),
    unavailable: () => ({ body: "{}", retryAfterS: 1 }),
  };
  const tested = await testedProxy([], { routing: () => routing });
  try {
    serve(1);
    await use(tested, waiting, serve);
  } finally {
    tested.close();
  }
}

test("the only replica dies with a request: its successor answers it, and who comes in between waits", async () => {
  const dying = await scriptedUpstream(dies);
  const successor = await scriptedUpstream(answering(ok("second")));
  await withFleet([dying.port, successor.port], 5_000, async (tested, waiting, serve) => {
    const first = ask(tested.port, getClose());
    await eventually(() => waiting.held === 1);
    serve();
    assert.equal(waiting.held, 1, "in the gap now");
    assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 503 /, "no more than may wait");
    serve(2);
    assert.match(await first, /second$/);
    assert.equal(waiting.held, 0);
    assert.ok(waiting.heldTotal >= 1);
  });
  for (const each of [dying, successor]) each.close();
});

test("exchanges that a dead replica takes along find the gap already, whoever hears of it first", async () => {
  const hanging = await scriptedUpstream(() => true);
  const successor = await scriptedUpstream(answering(ok("second")));
  await withFleet([hanging.port, successor.port], 5_000, async (tested, waiting, serve) => {
    const first = ask(tested.port, getClose());
    await eventually(() => hanging.received.length === 1);
    serve();
    assert.equal(waiting.held, 1);
    serve(2);
    assert.match(await first, /second$/);
  });
  for (const each of [hanging, successor]) each.close();
});

test("nobody comes: 502 for what had been sent, 503 for what had not; a POST that was sent does not wait", async () => {
  const dying = await scriptedUpstream(dies);
  await withFleet([dying.port], 50, async (tested, waiting, serve) => {
    const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert.match(await ask(tested.port, post), /^HTTP\/1.1 502 /);
    assert.equal(waiting.heldTotal, 0);
    assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 502 .*S1 closed the connection/s);
    serve();
    assert.match(await ask(tested.port, getClose()), /^HTTP\/1.1 503 /);
  });
  dying.close();
});
