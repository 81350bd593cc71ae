// The lifecycle in a made-up world: a fake clock, and servers that start slowly or not at all, crash, hang, recover
// and ignore SIGTERM, and roll-outs of programs that work or do not, all drawn from a seed. Whatever happens, the
// invariants below hold after every event, and once the world calms down the fleet is complete again. A failing run
// prints its seed.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ReplicaState } from "./fleet.ts";
import { reduce } from "./lifecycle.ts";
import type { BareEvent } from "./running-lifecycle.ts";
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
  understudiesOf,
} from "./state.ts";

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
  let addBatch = 0;
  /** By revision, where it is not one that works. */
  const programs = new Map<number, "works" | "never answers" | "crashes">();

  function feed(event: BareEvent): void {
    const before = state;
    const result = reduce(state, { ...event, entropy: Math.floor(chance() * 2 ** 32) } as FleetEvent, nowMs);
    state = result.state;
    for (const effect of result.effects) obey(effect);
    check(before, event);
  }

  function obey(effect: Effect): void {
    if (effect.type === "launch") launch(effect.run, programs.get(effect.spec.revision) ?? "works");
    if (effect.type === "settled" && effect.batch === addBatch) {
      if (effect.outcome !== "healthy") desired -= adding;
      adding = 0;
    }
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

  function launch(run: number, program: "works" | "never answers" | "crashes"): void {
    assert.ok(!servers.has(run), "a run is launched once");
    const trouble = wild ? wildness : 0;
    const hangsFromMs = chance() < trouble / 3 ? nowMs + chance() * 10_000 : Number.POSITIVE_INFINITY;
    const crashes = program === "crashes" || chance() < trouble / 2;
    const crashesAtMs = crashes ? nowMs + chance() * 8_000 : Number.POSITIVE_INFINITY;
    const silent = program === "never answers" || chance() < trouble / 8;
    servers.set(run, {
      run,
      launched: false,
      answersAtMs: silent ? Number.POSITIVE_INFINITY : nowMs + 50 + chance() * 400,
      crashesAtMs,
      hangsFromMs,
      hangsUntilMs: hangsFromMs + chance() * 6_000,
      obeysAfterMs: chance() < trouble / 4 ? Number.POSITIVE_INFINITY : chance() * 500,
      exitsAtMs: crashesAtMs,
      exitReason: "crashed",
    });
  }

  // ── Invariants ───────────────────────────────────────────────────────────────────────────────────────────────

  function check(before: FleetState, event: BareEvent): void {
    const wanted = holders(state);
    const seats = wanted.map((life) => life.seat);
    assert.equal(new Set(seats).size, seats.length, "no seat is held twice");
    if (!state.stopping) assert.equal(wanted.length, desired, "N is kept");
    if (event.type === "exited" || event.type === "missed" || event.type === "tick") {
      const rolledBack = before.batch !== null && state.batch === null;
      if (!rolledBack)
        assert.deepEqual(seatWeights(state), seatWeights(before), "a replacement keeps the seat");
    }
    for (const life of wanted) {
      const known = [state.revision.number, state.rollout?.to.number];
      assert.ok(known.includes(life.revision), "no seat has a revision that is neither old nor new");
    }
    const stage = [...understudiesOf(state)].filter((life) => life.renewal === 0);
    assert.ok(stage.length <= (state.rollout?.plan.batch ?? 0), "no more understudies than the plan allows");
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

  /** Of the seats that were served, a failure leaves one at most that nobody serves. */
  function onlyOneFalls(before: FleetState): void {
    const now = new Set(servingOf(state).map((life) => life.seat));
    const fallen = servingOf(before).filter((life) => !now.has(life.seat));
    assert.ok(fallen.length <= 1, "a failure touches one seat");
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

  function rollOut(): void {
    const drawn = chance();
    const program = drawn < 0.2 ? "never answers" : drawn < 0.4 ? "crashes" : "works";
    const plan = { batch: 1 + Math.floor(chance() * 3), settleMs: chance() * 1_000, deadlineMs: 3_000 };
    programs.set(state.lastRevision + 1, program);
    feed({ type: "rollout", change: { command: [program] }, plan });
  }

  function renew(): void {
    const life = holders(state).find((each) => each.batch === 0);
    batch += 1;
    if (life !== undefined) feed({ type: "renew", batch, name: life.name });
  }

  function change(): void {
    const drawn = chance();
    if (drawn < 0.2 && state.rollout === null) rollOut();
    else if (drawn < 0.25) feed({ type: "abort", reason: "it was aborted" });
    else if (drawn < 0.35) renew();
    else resize();
  }

  function resize(): void {
    if (chance() < 0.5 && desired < 12) {
      batch += 1;
      addBatch = batch;
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
    feed(event: BareEvent): void {
      if (event.type === "start") desired = event.replicas.length;
      feed(event);
    },
    run(forMs: number, wildly: boolean): void {
      wild = wildly;
      // What is launched from now on works.
      if (!wild) programs.clear();
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
      assert.equal(state.rollout, null, "no roll-out lasts for ever");
      for (const life of state.lives.values()) assert.equal(life.revision, state.revision.number);
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
