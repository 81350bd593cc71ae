// The lifecycle in a made-up world: a fake clock, and servers that start slowly or not at all, crash, hang, recover
// and ignore SIGTERM, all drawn from a seed. Whatever happens, the invariants below hold after every event, and
// once the world calms down the fleet is complete again. A failing run prints its seed.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ReplicaState } from "./fleet.ts";
import { reduce } from "./lifecycle.ts";
import {
  type Effect,
  emptyFleet,
  type FleetEvent,
  type FleetPolicy,
  type FleetState,
  holders,
  isWanted,
  nextDeadlineMs,
  servingOf,
  sparesOf,
} from "./state.ts";

type Bare = FleetEvent extends infer Each ? (Each extends FleetEvent ? Omit<Each, "entropy"> : never) : never;

/** A server of the made-up world. */
interface Server {
  readonly run: number;
  launched: boolean;
  /** Answers from then on; Infinity: never. */
  readonly answersAtMs: number;
  /** Crashes by itself then. */
  readonly crashesAtMs: number;
  /** Answers nothing between these. */
  hangsFromMs: number;
  hangsUntilMs: number;
  /** Exits this long after SIGTERM; Infinity: ignores it. */
  readonly obeysAfterMs: number;
  exitsAtMs: number;
  exitReason: string;
}

interface Sizes {
  readonly seed: number;
  readonly replicas: number;
  readonly warm: number;
  readonly wildness: number;
}

const sizes: fc.Arbitrary<Sizes> = fc.record({
  seed: fc.integer(),
  replicas: fc.integer({ min: 1, max: 9 }),
  warm: fc.integer({ min: 0, max: 2 }),
  wildness: fc.double({ min: 0, max: 1, noNaN: true }),
});

test("invariants hold through crashes, hangs, adds and removes, and the fleet recovers", () => {
  fc.assert(fc.property(sizes, simulate), { numRuns: 100 });
});

const stepMs = 25;
const wildMs = 20_000;
const calmMs = 60_000;

function simulate({ seed, replicas, warm, wildness }: Sizes): void {
  const world = createWorld(seed, warm, wildness);
  world.feed({
    type: "start",
    batch: 1,
    replicas: Array.from({ length: replicas }, (_, index) => ({ name: `S${index + 1}`, seat: index + 1 })),
  });
  world.expectSeats(replicas);
  world.run(wildMs, true);
  world.run(calmMs, false);
  world.expectComplete(warm);
  world.feed({ type: "stop", deadlineMs: 5_000 });
  world.run(6_000, false);
  world.expectEmpty();
}

function createWorld(seed: number, warm: number, wildness: number) {
  const policy: FleetPolicy = {
    warm,
    fixed: false,
    downAfter: 2,
    upAfter: 1,
    drainMs: 2_000,
    startDeadlineMs: 5_000,
    addDeadlineMs: 4_000,
    weightOf: (seat) => seat,
  };
  const chance = randomFrom(seed);
  const servers = new Map<number, Server>();
  /** The ring as a listener would keep it, and the last state told of each replica. */
  const told = new Map<string, ReplicaState>();
  let state: FleetState = emptyFleet(policy);
  let nowMs = 0;
  let wild = true;
  let batch = 1;
  let desired = 0;
  let adding = 0;

  function feed(event: Bare): void {
    const before = state;
    const result = reduce(state, { ...event, entropy: Math.floor(chance() * 2 ** 32) } as FleetEvent, nowMs);
    state = result.state;
    for (const effect of result.effects) obey(effect);
    check(before, event);
  }

  function obey(effect: Effect): void {
    if (effect.type === "launch") launch(effect.run);
    if (effect.type === "settled" && effect.batch > 1 && effect.outcome !== "healthy") desired -= adding;
    if (effect.type === "settled" && effect.batch > 1) adding = 0; // batch 1 is the first start
    if (effect.type === "change") {
      const { replica, from } = effect.change;
      assert.equal(told.get(replica.name) ?? null, from, `${replica.name} was ${from} before`);
      if (replica.state === "dead") told.delete(replica.name);
      else told.set(replica.name, replica.state);
    }
    if (effect.type !== "stop" && effect.type !== "kill") return;
    const server = servers.get(effect.run);
    assert.ok(server, `${effect.type} of a server that is there`);
    end(server, effect.type === "kill" ? 5 : server.obeysAfterMs, "was ended");
  }

  function end(server: Server, inMs: number, reason: string): void {
    if (nowMs + inMs >= server.exitsAtMs) return;
    server.exitsAtMs = nowMs + inMs;
    server.exitReason = reason;
  }

  function launch(run: number): void {
    assert.ok(!servers.has(run), "a run is launched once");
    const trouble = wild ? wildness : 0;
    const hangsFromMs = chance() < trouble / 3 ? nowMs + chance() * 10_000 : Number.POSITIVE_INFINITY;
    const crashesAtMs = chance() < trouble / 2 ? nowMs + chance() * 8_000 : Number.POSITIVE_INFINITY;
    servers.set(run, {
      run,
      launched: false,
      answersAtMs: chance() < trouble / 8 ? Number.POSITIVE_INFINITY : nowMs + 50 + chance() * 400,
      crashesAtMs,
      hangsFromMs,
      hangsUntilMs: hangsFromMs + chance() * 6_000,
      obeysAfterMs: chance() < trouble / 4 ? Number.POSITIVE_INFINITY : chance() * 500,
      exitsAtMs: crashesAtMs,
      exitReason: "crashed",
    });
  }

  // ── Invariants ───────────────────────────────────────────────────────────────────────────────────────────────

  function check(before: FleetState, event: Bare): void {
    const wanted = holders(state);
    const seats = wanted.map((life) => life.seat);
    assert.equal(new Set(seats).size, seats.length, "no seat is held twice");
    if (!state.stopping) assert.equal(wanted.length, desired, "N is kept");
    if (event.type === "exited" || event.type === "missed" || event.type === "tick") {
      const rolledBack = before.batch !== null && state.batch === null;
      if (!rolledBack)
        assert.deepEqual(seatWeights(state), seatWeights(before), "a replacement keeps the seat");
    }
    const names = [...state.lives.values()].map((life) => life.name);
    assert.equal(new Set(names).size, names.length, "no name is borne twice");
    const runs = new Set([...state.lives.values()].map((life) => life.run));
    for (const run of servers.keys()) assert.ok(runs.has(run), "no server is forgotten");
    const hung = new Set([...state.lives.values()].filter((life) => life.hung).map((life) => life.seat));
    const peak = Math.max(1, Math.floor(Math.max(desired, holders(before).length) / 3));
    if (event.type !== "remove")
      assert.ok(hung.size <= peak || hung.size <= hungSeats(before), "kills are capped");
    const serving = servingOf(state).map((life) => life.name);
    const heard = [...told].filter(([, told]) => told === "healthy").map(([name]) => name);
    assert.deepEqual(heard.sort(), [...serving].sort(), "listeners know who serves");
    if (event.type === "exited" || event.type === "missed") onlyOneFalls(before);
  }

  /** Of those that served, an event takes out one at most. */
  function onlyOneFalls(before: FleetState): void {
    const now = new Set(servingOf(state).map((life) => life.id));
    const fallen = servingOf(before).filter((life) => !now.has(life.id));
    assert.ok(fallen.length <= 1, "a failure touches one replica");
  }

  // ── The world's course ───────────────────────────────────────────────────────────────────────────────────────

  function step(): void {
    nowMs += stepMs;
    for (let ticks = 0; nextDeadlineMs(state) <= nowMs; ticks += 1) {
      assert.ok(ticks < 100, "a deadline that has passed is dealt with");
      feed({ type: "tick" });
    }
    for (const server of [...servers.values()]) live(server);
    for (const life of state.lives.values()) {
      if (life.state === "draining" && life.asked === "nothing" && chance() < 0.1) {
        feed({ type: "idle", id: life.id });
      }
    }
    if (wild && adding === 0 && chance() < 0.02) change();
    if (wild && chance() < 0.005 * wildness) stall();
    if (wild && chance() < 0.005 * wildness) grow();
  }

  /** The whole machine stands still: nobody answers for some seconds. */
  function stall(): void {
    for (const server of servers.values()) {
      server.hangsFromMs = nowMs;
      server.hangsUntilMs = nowMs + chance() * 5_000;
    }
  }

  function grow(): void {
    const [life] = servingOf(state);
    if (life !== undefined) feed({ type: "outgrown", run: life.run, reason: "uses too much memory" });
  }

  function live(server: Server): void {
    const { run } = server;
    if (server.exitsAtMs <= nowMs) {
      servers.delete(run);
      feed({ type: "exited", run, reason: server.exitReason });
      return;
    }
    if (!server.launched) {
      server.launched = true;
      feed({ type: "launched", run, address: { host: "h", port: run }, pid: run });
    }
    const answers =
      server.answersAtMs <= nowMs && (nowMs < server.hangsFromMs || nowMs > server.hangsUntilMs);
    const starting = [...state.lives.values()].some((life) => life.run === run && life.state === "starting");
    if (!starting && nowMs % 1_000 !== (run % 40) * stepMs) return;
    feed(answers ? { type: "answered", run } : { type: "missed", run, reason: "no answer", enough: false });
  }

  function change(): void {
    if (chance() < 0.5 && desired < 12) {
      batch += 1;
      adding = 1 + Math.floor(chance() * 3);
      desired += adding;
      feed({ type: "add", batch, count: adding, names: [`A${batch}`] });
    } else if (desired > 1) {
      desired -= 1;
      const named = chance() < 0.5 ? holders(state).slice(0, 1) : [];
      feed({ type: "remove", count: 1, names: named.map((life) => life.name) });
    }
  }

  return {
    feed(event: Bare): void {
      if (event.type === "start") desired = event.replicas.length;
      feed(event);
    },
    run(forMs: number, wildly: boolean): void {
      wild = wildly;
      for (const untilMs = nowMs + forMs; nowMs < untilMs; ) step();
    },
    expectSeats(count: number): void {
      const seats = holders(state).map((life) => life.seat);
      assert.deepEqual(
        seats,
        Array.from({ length: count }, (_, index) => index + 1),
      );
    },
    expectComplete(spares: number): void {
      assert.equal(servingOf(state).length, desired, "all serve again");
      assert.equal(
        sparesOf(state).filter((life) => life.state === "healthy").length,
        spares,
        "spares are warm",
      );
      assert.equal(
        [...state.lives.values()].filter((life) => !isWanted(life)).length,
        0,
        "the dead are gone",
      );
      assert.equal(servers.size, desired + spares, "no server but these is left");
    },
    expectEmpty(): void {
      assert.equal(state.lives.size, 0);
      assert.equal(servers.size, 0);
      assert.equal(nextDeadlineMs(state), Number.POSITIVE_INFINITY);
    },
  };
}

function seatWeights(state: FleetState): number[][] {
  return holders(state)
    .map(({ seat, weight }) => [seat, weight])
    .sort((a, b) => (a[0] as number) - (b[0] as number));
}

function hungSeats(state: FleetState): number {
  return new Set([...state.lives.values()].filter((life) => life.hung).map((life) => life.seat)).size;
}

/** mulberry32: small, and good enough for a made-up world. */
function randomFrom(seed: number): () => number {
  let counter = seed | 0;
  return () => {
    counter = (counter + 0x6d2b79f5) | 0;
    let mixed = Math.imul(counter ^ (counter >>> 15), 1 | counter);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
