// A front door without sockets: the real fleet, its reducers and its shell, the real state file's text, reload, routing
// table and ring, on a clock and an engine that are made up. Everything follows from the seed.
import assert from "node:assert/strict";
import { createReload, type Running } from "../../src/balancer/apply-config.ts";
import { createChangeQueue } from "../../src/balancer/change-queue.ts";
import type { Config } from "../../src/balancer/config.ts";
import { savedChanges } from "../../src/balancer/desired-state.ts";
import { createKeptFleet } from "../../src/balancer/kept-fleet.ts";
import { settleOptions } from "../../src/balancer/options.ts";
import { policyNamed } from "../../src/balancer/policies/named.ts";
import { createRingKeeper } from "../../src/balancer/ring-keeper.ts";
import { createRoutingTable, type RoutingTable } from "../../src/balancer/routing-table.ts";
import { readState } from "../../src/balancer/state-file.ts";
import { RoundhouseError } from "../../src/errors.ts";
import type { Fleet } from "../../src/fleet/fleet.ts";
import { seededRandom } from "../../src/load/random.ts";
import { createRing } from "../../src/ring/ring.ts";
import type { OwnedLog } from "../../src/telemetry/log.ts";
import { fakeUpstream } from "../balancer/fake-upstream.ts";
import { createFakeEngine } from "./fake-engine.ts";
import type { FakeTime } from "./fake-time.ts";
import type { Operation } from "./operation.ts";
import type { Seen, World } from "./world.ts";

const slots = 64;
/** Longer than anything that ends by itself: starts, drains, settling, three tries, pauses between them. */
const patienceMs = 240_000;
const namesInUse = 12;

interface Door {
  readonly fleet: Fleet;
  readonly table: RoutingTable;
  readonly running: Running;
  readonly reload: () => Promise<{ readonly changed: readonly string[] }>;
  /** Nothing that it still does reaches the outside. */
  killed: boolean;
}

type Outcome = Awaited<ReturnType<World["carryOut"]>>;

/** With `outlives`, servers go on when the front door is killed, as containers do. */
export function createSimulatedWorld(
  seed: number,
  time: FakeTime,
  { first, outlives }: { readonly first: number; readonly outlives: boolean },
): World {
  const random = seededRandom(seed ^ 0x5eed);
  const engine = createFakeEngine(time, random, outlives);
  /** What a config file would say. */
  let config: Config = {
    replicas: first,
    replicasMax: 8,
    slots,
    state: "the state file",
    command: ["works"],
    drainMs: 1_000,
    startDeadlineMs: 3_000,
    heartbeat: { intervalMs: 1_000, timeoutMs: 500 },
  };
  let disk: string | null = null;
  let door = open();

  function open(): Door {
    const log = silent();
    const launcher = engine.createLauncher();
    const keyErrors = { note: () => {}, count: 0 };
    const settings = settleOptions(config, keyErrors.note);
    const own = { killed: false };
    const world = {
      readFile: (path: string) => (disk === null ? null : readState(path, disk)),
      writeFile: async (_path: string, text: string) => {
        if (own.killed) return new Promise<void>(() => {});
        disk = text;
      },
      fleet: { probe: engine.probe, entropy: () => Math.floor(random() * 2 ** 32) },
    };
    const parts = { launcher, log, world };
    const kept = createKeptFleet(config, settings.ringCapacity, parts, () => running.config);
    const { fleet, state } = kept;
    const readConfig = async () => config;
    const inTurn = createChangeQueue();
    const running: Running = { config, settings, fleet, launcher, log, keyErrors, state, inTurn, readConfig };
    const table = tableFor(fleet);
    fleet.onChange(table.apply);
    fleet.onChange(state.note);
    fleet.onRollout(state.note);
    fleet.setInFlightOf(() => (random() < 0.7 ? 0 : 1));
    void state.save();
    void fleet.start().then(table.begin);
    table.begin();
    const reload = createReload(running, { closing: () => false, reconfigure: async () => {} });
    return Object.assign(own, { fleet, table, running, reload });
  }

  /** As if by SIGKILL, and started again a moment later. */
  async function restart(): Promise<void> {
    door.killed = true;
    time.forget();
    engine.orphaned();
    await time.advance(50 + random() * 200);
    door = open();
  }

  /** Gives what came of it, or null when it is still under way after so long. */
  async function outcomeOf<T>(
    work: Promise<T>,
    withinMs = patienceMs,
  ): Promise<{ done: T } | "refused" | null> {
    let outcome: { done: T } | "refused" | null = null;
    const take = (next: { done: T } | "refused"): void => {
      outcome = next;
    };
    work.then(
      (done) => take({ done }),
      (error: unknown) => {
        if (!(error instanceof RoundhouseError)) throw error;
        take("refused");
      },
    );
    await time.advanceUntil(() => outcome !== null, withinMs);
    return outcome;
  }

  const changes = () => savedChanges(door.fleet, door.running.state);

  function add(count: number, named: boolean): Promise<void> {
    const name = `A${Math.floor(random() * namesInUse)}`;
    return changes().add(count, named ? [name] : []);
  }

  function remove(count: number, named: boolean, who: number): Promise<void> {
    const name = pick(door.fleet.desired(), who)?.name;
    return changes().remove(count, named && name !== undefined ? [name] : []);
  }

  async function change(work: Promise<void>, by: number): Promise<Outcome> {
    const outcome = await outcomeOf(work);
    assert.ok(outcome !== null, "it comes to an end");
    return { by: [outcome === "refused" ? 0 : by] };
  }

  async function restartAmid({ amid, ms }: Extract<Operation, { amid: string }>): Promise<Outcome> {
    const by = amid === "add" ? 1 : amid === "remove" ? -1 : 0;
    const work = amid === "add" ? add(1, false) : amid === "remove" ? remove(1, false, 0) : Promise.resolve();
    // At once, before any of it is on disk, or later.
    const outcome = await outcomeOf(work, ms <= 100 ? 0 : ms);
    await restart();
    if (outcome === null) return { by: [0, by] };
    return { by: [outcome === "refused" ? 0 : by] };
  }

  async function reload(replicas: number, warm: number): Promise<Outcome> {
    const before = config;
    config = { ...config, replicas, warm };
    const outcome = await outcomeOf(door.reload());
    assert.ok(outcome !== null, "a reload comes to an end");
    if (outcome === "refused") config = before;
    const resized = outcome !== "refused" && outcome.done.changed.includes("replicas");
    return resized ? { to: [replicas] } : { by: [0] };
  }

  async function carryOut(operation: Operation): Promise<Outcome> {
    const { fleet, running } = door;
    const serving = fleet.serving();
    switch (operation.do) {
      case "add":
        return change(add(operation.count, operation.named), operation.count);
      case "remove":
        return change(remove(operation.count, operation.named, operation.who), -operation.count);
      case "restart the front door":
        return restartAmid(operation);
      case "reload":
        return reload(operation.replicas, operation.warm);
      case "kill":
        engine.kill(pick(serving, operation.who)?.name ?? "");
        break;
      case "pause":
        engine.pause(pick(serving, operation.who)?.name ?? "", operation.ms);
        break;
      case "roll out": {
        const { program, batch, settleMs } = operation;
        const plan = { batch, settleMs, deadlineMs: 3_000 };
        await outcomeOf(
          orRefused(() => fleet.rollOut({ command: [program] }, plan)).then(running.state.save),
        );
        break;
      }
      case "abort":
        await outcomeOf(orRefused(() => fleet.abortRollout()).then(running.state.save));
        break;
      case "restart one": {
        const outcome = await outcomeOf(
          fleet.restart(pick(fleet.desired(), operation.who)?.name ?? "nobody"),
        );
        assert.ok(outcome !== null, "a restart comes to an end");
        break;
      }
      case "fail starts":
        engine.failStarts(operation.count);
        break;
      case "wait":
        await time.advance(operation.ms);
    }
    return { by: [0] };
  }

  function isWhole(): boolean {
    const { fleet } = door;
    const serving = fleet.serving();
    if (serving.length !== fleet.desiredCount || fleet.rolloutReport().endedMs === null) {
      if (serving.length !== fleet.desiredCount || fleet.rolloutReport().state !== "none") return false;
    }
    const spares = fleet.spares();
    const wanted = serving.length + (config.warm ?? 0);
    if (fleet.understudies().length > 0 || spares.some(({ state }) => state !== "healthy")) return false;
    if (engine.running().length !== wanted || fleet.replicas().length !== serving.length) return false;
    return isOnDisk();
  }

  function isOnDisk(): boolean {
    const { replicas = [] } = disk === null ? {} : readState("the state file", disk);
    const told = replicas.map(({ name, seat }) => `${name}@${seat}`).sort();
    const there = door.fleet.serving().map(({ name, seat }) => `${name}@${seat}`);
    return told.join() === there.sort().join();
  }

  async function look(): Promise<Seen> {
    const { fleet, table } = door;
    const held = fleet.replicas().filter(({ state }) => state !== "draining" && state !== "dead");
    const offstage = [...fleet.spares(), ...fleet.understudies()].map(({ name }) => name);
    const serving = fleet.serving();
    const fresh = createRing({ slots }).with({ add: serving.map(({ seat, weight }) => ({ seat, weight })) });
    const { revision } = fleet.revisions();
    if (isWhole()) {
      const programs = serving.map(({ name }) => engine.programOf(name));
      const wanted = revision.program.command?.[0] ?? "works";
      assert.deepEqual(
        [...new Set(programs)],
        serving.length === 0 ? [] : [wanted],
        "the program is the fleet's",
      );
    }
    return {
      serving,
      desired: fleet.desiredCount,
      seats: held.map(({ seat }) => seat),
      names: [...fleet.replicas().map(({ name }) => name), ...offstage],
      offstage,
      rolling: ["forward", "back"].includes(fleet.rolloutReport().state),
      shares: new Map([...table.ring.shares()].sort()),
      sharesExpected: new Map([...fresh.shares()].sort()),
      running: engine.running(),
    };
  }

  return {
    async carryOut(operation) {
      const outcome = await carryOut(operation);
      await time.advance(random() * 100);
      return outcome;
    },
    async calm() {
      engine.mend();
      const whole = await time.advanceUntil(isWhole, patienceMs);
      engine.unmend();
      if (whole) return;
      const outside = `warm=${config.warm ?? 0}, running ${engine.running().join(" ")}, on disk ${disk}`;
      throw new Error(`not whole after ${patienceMs} ms: ${condition(door.fleet)}\n${outside}`);
    },
    look,
    async close() {
      door.killed = true;
      time.forget();
      // Else a server that ends later would wake this door again, in the next world.
      engine.orphaned();
    },
  };
}

function tableFor(fleet: Fleet): RoutingTable {
  const counters = { bounded: 0, overflowed: 0, spread: 0 };
  return createRoutingTable({
    ring: createRingKeeper({
      ring: createRing({ slots }),
      refused: (error) => assert.fail(`the ring was not changed: ${String(error)}`),
    }),
    policy: policyNamed("hash", { keyOf: ({ target }) => target, noteKey: null, counters }),
    steering: { loadFactor: null, spreads: [] },
    serving: fleet.serving,
    createUpstream: (name) => fakeUpstream(name),
    joined: () => {},
    left: () => {},
  });
}

function condition(fleet: Fleet): string {
  const all = [...fleet.replicas(), ...fleet.spares(), ...fleet.understudies()];
  const lines = all.map(({ name, seat, state, reason }) => `  ${name}@${seat} is ${state}: ${reason}`);
  return [JSON.stringify(fleet.rolloutReport()), ...lines].join("\n");
}

function pick<T>(list: readonly T[], who: number): T | undefined {
  return list[Math.floor(who * list.length)];
}

/** What is refused at once is refused like what is refused later. */
async function orRefused(work: () => unknown): Promise<void> {
  work();
}

function silent(): OwnedLog {
  const nothing = (): void => {};
  const log = { info: nothing, warn: nothing, error: nothing, debug: nothing, setLevel: nothing };
  return { ...log, dropped: 0, flush: async () => {} } as unknown as OwnedLog;
}
