import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createChronicle } from "./chronicle.ts";
import type { Replica } from "./fleet.ts";
import { reduce } from "./lifecycle.ts";
import type { BareEvent } from "./running-lifecycle.ts";
import { emptyFleet, type FleetEvent, type FleetPolicy, servingOf } from "./state.ts";

const policy: FleetPolicy = {
  warm: 0,
  fixed: false,
  downAfter: 2,
  upAfter: 1,
  drainMs: 10_000,
  startDeadlineMs: 30_000,
  addDeadlineMs: 30_000,
  weightOf: () => 1,
};

/** A fleet by its real lifecycle, on a clock of its own, and its chronicle. */
function world(warm = 0) {
  const chronicle = createChronicle();
  let state = emptyFleet({ ...policy, warm });
  const at = (nowMs: number, ...events: BareEvent[]) => {
    for (const event of events) {
      const result = reduce(state, { ...event, entropy: 7 } as FleetEvent, nowMs);
      state = result.state;
      const changes = result.effects.flatMap((effect) => (effect.type === "change" ? [effect.change] : []));
      changes.forEach((change, index) => {
        chronicle.note({ ...change, more: index < changes.length - 1 });
      });
    }
  };
  const runOf = (name: string) => [...state.lives.values()].find((life) => life.name === name)?.run ?? 0;
  const idOf = (name: string) => [...state.lives.values()].find((life) => life.name === name)?.id ?? 0;
  /** Launches whatever starts, and has it answer. */
  const startAll = (nowMs: number) => {
    for (const { run, state: phase, retryAtMs } of [...state.lives.values()]) {
      if (run === 0 && retryAtMs <= nowMs) at(nowMs, { type: "tick" });
      if (phase === "starting" && run > 0)
        at(
          nowMs,
          { type: "launched", run, address: { host: "h", port: 1 }, pid: run },
          { type: "answered", run },
        );
    }
  };
  const replicas = [
    { name: "S1", seat: 1, weight: 1 },
    { name: "S2", seat: 2, weight: 1 },
  ];
  at(1_000, { type: "start", batch: 1, replicas });
  startAll(1_500);
  return { chronicle, at, runOf, idOf, startAll, serving: () => servingOf(state) };
}

const states = (life: readonly { state: string }[] | null) => life?.map(({ state }) => state);

describe("the chronicle of a fleet", () => {
  it("tells why a replica died, who replaced it, and how long the seat was empty", () => {
    const { chronicle, at, runOf, startAll, serving } = world();
    at(60_000, { type: "exited", run: runOf("S1"), reason: "was ended by SIGKILL" });
    const [open] = chronicle.departures();
    assert.deepEqual(
      [open?.name, open?.reason, open?.replaced, open?.successor, open?.outMs, open?.goneMs],
      ["S1", "was ended by SIGKILL", true, null, 60_000, 60_000],
    );
    startAll(60_400);
    const successor = serving().find(({ seat }) => seat === 1) as Replica;
    assert.deepEqual(chronicle.departures()[0]?.successor, { name: successor.name, tookMs: 400 });
    assert.equal(chronicle.predecessorOf(successor.name), "S1");
    assert.equal(chronicle.predecessorOf("S2"), null);
    assert.deepEqual(states(chronicle.lifeOf("S1")), ["starting", "healthy", "dead"]);
    assert.equal(chronicle.lifeOf("S1")?.[1]?.atMs, 1_500);
  });

  it("counts one that hangs from when it left the ring", () => {
    const { chronicle, at, runOf, startAll } = world();
    const missed = { type: "missed", run: runOf("S2"), reason: "no answer", enough: false } as const;
    at(50_000, missed);
    at(51_000, missed);
    assert.deepEqual(states(chronicle.lifeOf("S2")), ["starting", "healthy", "down", "dead"]);
    startAll(52_000);
    const [departure] = chronicle.departures();
    assert.match(departure?.reason ?? "", /missed 2 heartbeats/);
    assert.equal(departure?.outMs, 51_000);
    assert.equal(departure?.successor?.tookMs, 1_000);
  });

  it("does not expect a successor of one that was removed, also when its seat is given to another later", () => {
    const { chronicle, at, runOf, idOf, startAll } = world();
    at(40_000, { type: "remove", count: 1, names: ["S1"] });
    assert.deepEqual(chronicle.departures(), []);
    at(40_100, { type: "idle", id: idOf("S1") });
    at(40_200, { type: "exited", run: runOf("S1"), reason: "exited with code 0" });
    at(41_000, { type: "add", batch: 2, count: 1, names: ["S9"] });
    startAll(42_000);
    const [departure] = chronicle.departures();
    assert.deepEqual(
      [departure?.name, departure?.reason, departure?.replaced, departure?.successor, departure?.outMs],
      ["S1", "removed", false, null, 40_000],
    );
    assert.equal(departure?.goneMs, 40_200);
    assert.equal(chronicle.predecessorOf("S9"), null);
  });

  it("tells that a spare had taken the seat before the old one was gone", () => {
    const { chronicle, at, runOf, startAll, serving } = world();
    at(70_000, { type: "outgrown", run: runOf("S1"), reason: "uses too much" });
    startAll(70_500);
    const spare = serving().find(({ seat }) => seat === 1) as Replica;
    at(71_000, { type: "exited", run: runOf("S1"), reason: "exited with code 0" });
    const [departure] = chronicle.departures();
    assert.deepEqual(departure?.successor, { name: spare.name, tookMs: 0 });
    assert.equal(departure?.reason, "uses too much");
    assert.equal(chronicle.predecessorOf(spare.name), "S1");
  });

  it("tells each generation of a seat apart", () => {
    const { chronicle, at, runOf, startAll, serving } = world(1);
    at(2_000, { type: "tick" });
    startAll(2_500); // the spare
    at(60_000, { type: "exited", run: runOf("S1"), reason: "exited with code 1" });
    const first = serving().find(({ seat }) => seat === 1) as Replica;
    startAll(61_000);
    at(70_000, { type: "exited", run: runOf(first.name), reason: "exited with code 2" });
    startAll(90_000);
    const last = serving().find(({ seat }) => seat === 1) as Replica;
    assert.deepEqual(
      chronicle.departures().map(({ name, successor }) => [name, successor?.name]),
      [
        [first.name, last.name],
        ["S1", first.name],
      ],
    );
    assert.equal(chronicle.departures()[1]?.successor?.tookMs, 0);
  });

  it("does not take somebody added later for the successor of one whose successor was removed", () => {
    const { chronicle, at, runOf, startAll, serving } = world();
    at(60_000, { type: "exited", run: runOf("S1"), reason: "exited with code 1" });
    at(60_100, { type: "remove", count: 2, names: [] });
    at(61_000, { type: "add", batch: 2, count: 1, names: ["S9"] });
    startAll(62_000);
    assert.equal(serving().length, 1);
    const departure = chronicle.departures().find(({ name }) => name === "S1");
    assert.deepEqual([departure?.replaced, departure?.successor], [true, null]);
  });

  it("keeps the birth and the last moments of a life, and the last departures", () => {
    const chronicle = createChronicle({ departuresMax: 2, momentsMax: 4 });
    const replica = (name: string, state: Replica["state"], sinceMs: number): Replica => ({
      name,
      seat: 1,
      weight: 1,
      state,
      address: null,
      pid: null,
      sinceMs,
      reason: state,
      revision: 1,
    });
    for (const name of ["S1", "S2", "S3"]) {
      chronicle.note({ replica: replica(name, "starting", 0), from: null, more: false });
      for (let n = 1; n < 10; n += 2) {
        chronicle.note({ replica: replica(name, "healthy", n), from: "down", more: false });
        chronicle.note({ replica: replica(name, "down", n + 1), from: "healthy", more: false });
      }
      chronicle.note({ replica: replica(name, "dead", 11), from: "down", more: false });
    }
    assert.deepEqual(
      chronicle.departures().map(({ name }) => name),
      ["S3", "S2"],
    );
    assert.equal(chronicle.departed, 3);
    assert.equal(chronicle.lifeOf("S1"), null);
    assert.deepEqual(
      chronicle.lifeOf("S3")?.map(({ atMs }) => atMs),
      [0, 9, 10, 11],
    );
  });
});
