// The shell around the lifecycle: carries events in (from launchers, heartbeats, timers, callers) and effects out.
// It decides nothing about replicas; lifecycle.ts does.
import { randomInt } from "node:crypto";
import { RoundhouseError } from "../errors.ts";
import type { Fleet, FleetChange, FleetOptions } from "./fleet.ts";
import { createHeartbeat, defaultHeartbeat } from "./heartbeat.ts";
import type { LaunchHandle } from "./launcher.ts";
import { reduce } from "./lifecycle.ts";
import { watchMemory } from "./memory.ts";
import type { ProbeResult } from "./probe.ts";
import { checkAdd, checkRemove, type FleetBounds } from "./requests.ts";
import {
  type Effect,
  emptyFleet,
  type FleetEvent,
  holders,
  isWanted,
  type Life,
  nextDeadlineMs,
  servingOf,
  sparesOf,
} from "./state.ts";
import { createTurns } from "./turns.ts";

/** How often a draining replica's requests in flight are counted, in ms. */
const drainPollMs = 25;
/** After SIGKILL at the latest, how long {@link Fleet.stop} waits for processes to vanish, in ms. */
const vanishMs = 2_000;
const timerMsMax = 2 ** 31 - 1;

type Settled = Extract<Effect, { type: "settled" }>;
type BareEvent = FleetEvent extends infer Each
  ? Each extends FleetEvent
    ? Omit<Each, "entropy">
    : never
  : never;

export function createFleet(options: FleetOptions): Fleet {
  const { launcher, log } = options;
  const heartbeatOptions = { ...defaultHeartbeat, ...options.heartbeat };
  const addDeadlineMs = options.addDeadlineMs ?? 30_000;
  const bounds: FleetBounds = {
    replicasMax: options.replicasMax ?? 64,
    capacity: options.capacity ?? Number.POSITIVE_INFINITY,
    launchable: launcher.capacity ?? Number.POSITIVE_INFINITY,
  };
  let state = emptyFleet({
    warm: options.warm ?? 0,
    fixed: launcher.fixed,
    downAfter: heartbeatOptions.downAfter,
    upAfter: heartbeatOptions.upAfter,
    drainMs: options.drainMs ?? 10_000,
    startDeadlineMs: options.startDeadlineMs ?? 30_000,
    addDeadlineMs,
    weightOf: (seat) => launcher.weightOf?.(seat) ?? 1,
  });
  const handles = new Map<number, LaunchHandle>();
  /** Runs that have been asked whether it is really they who answer. */
  const confirmed = new Set<number>();
  const listeners: ((change: FleetChange) => void)[] = [];
  const settled = new Map<number, (outcome: Settled) => void>();
  let batches = 0;
  let inFlightOf: (name: string) => number = () => 0;
  let deadlineTimer: NodeJS.Timeout | undefined;
  let drainTimer: NodeJS.Timeout | undefined;
  let vanished: (() => void) | undefined;

  const turns = createTurns();
  const heartbeat = createHeartbeat(heartbeatOptions, { heard });
  const memory = watchMemory(options.maxRssBytes, log, (run, reason) =>
    dispatch({ type: "outgrown", run, reason }),
  );

  // ── Events in ────────────────────────────────────────────────────────────────────────────────────────────────

  const events: BareEvent[] = [];
  let dispatching = false;

  /** One event after another, also when a listener causes the next. */
  function dispatch(event: BareEvent): void {
    events.push(event);
    if (dispatching) return;
    dispatching = true;
    try {
      for (let next = events.shift(); next !== undefined; next = events.shift()) take(next);
    } finally {
      dispatching = false;
    }
    followUp();
  }

  function take(event: BareEvent): void {
    const entropy = randomInt(2 ** 32);
    const result = reduce(state, { ...event, entropy } as FleetEvent, nowMs());
    state = result.state;
    const lastChange = result.effects.findLastIndex((effect) => effect.type === "change");
    result.effects.forEach((effect, index) => {
      carryOut(effect, index < lastChange);
    });
  }

  function heard(run: number, result: ProbeResult, enough: boolean): void {
    if (result.alive) void confirm(run);
    else if (!result.ours) dispatch({ type: "missed", run, reason: result.reason, enough });
  }

  /** The first answer counts only if it comes from our replica, not from somebody else on its port. */
  async function confirm(run: number): Promise<void> {
    const handle = handles.get(run);
    if (!confirmed.has(run) && handle !== undefined) {
      if (!(await handle.confirm())) return;
      confirmed.add(run);
    }
    if (handles.has(run)) dispatch({ type: "answered", run });
  }

  // ── Effects out ──────────────────────────────────────────────────────────────────────────────────────────────

  function carryOut(effect: Effect, more: boolean): void {
    switch (effect.type) {
      case "change":
        for (const listener of listeners) listener({ ...effect.change, more });
        break;
      case "log":
        log[effect.level](effect.fields, effect.message);
        break;
      case "settled":
        settled.get(effect.batch)?.(effect);
        break;
      case "launch":
        turns.later(() => launch(effect.run, effect.spec));
        break;
      default:
        turns.later(() => handles.get(effect.run)?.[effect.type]());
    }
  }

  function launch(run: number, spec: { name: string; seat: number }): void {
    const handle = launcher.start(spec, {
      launched: (address, pid) => dispatch({ type: "launched", run, address, pid }),
      exited(reason) {
        handles.delete(run);
        confirmed.delete(run);
        dispatch({ type: "exited", run, reason });
      },
    });
    handles.set(run, handle);
  }

  // ── What follows from the state ──────────────────────────────────────────────────────────────────────────────

  function followUp(): void {
    clearTimeout(deadlineTimer);
    const inMs = nextDeadlineMs(state) - nowMs();
    if (inMs < Number.POSITIVE_INFINITY) {
      deadlineTimer = setTimeout(
        () => dispatch({ type: "tick" }),
        Math.min(timerMsMax, Math.max(0, Math.ceil(inMs))),
      );
    }
    watchAll();
    if (drainTimer === undefined) pollDrains();
    if (state.lives.size === 0) vanished?.();
  }

  const watched = new Set<number>();

  function watchAll(): void {
    const wanted = new Set<number>();
    for (const life of state.lives.values()) {
      if (life.run === 0 || life.address === null || !isWanted(life)) continue;
      wanted.add(life.run);
      heartbeat.watch(life.run, life.address, life.state === "starting" ? "starting" : "steady");
      const handle = handles.get(life.run);
      if (handle !== undefined && life.state === "healthy" && life.seat > 0) memory.watch(life.run, handle);
    }
    for (const run of watched) {
      if (wanted.has(run)) continue;
      heartbeat.unwatch(run);
      memory.unwatch(run);
    }
    watched.clear();
    for (const run of wanted) watched.add(run);
  }

  const drainsUnasked = (): Life[] =>
    [...state.lives.values()].filter((life) => life.state === "draining" && life.asked === "nothing");

  function pollDrains(): void {
    if (drainsUnasked().length === 0) return;
    drainTimer = setTimeout(() => {
      for (const life of drainsUnasked()) {
        if (inFlightOf(life.name) === 0) dispatch({ type: "idle", id: life.id });
      }
      drainTimer = undefined;
      pollDrains();
    }, drainPollMs);
  }

  // ── Callers ──────────────────────────────────────────────────────────────────────────────────────────────────

  function settle(event: (batch: number) => BareEvent): Promise<Settled> {
    batches += 1;
    const batch = batches;
    return new Promise((resolve) => {
      settled.set(batch, (outcome) => {
        settled.delete(batch);
        resolve(outcome);
      });
      dispatch(event(batch));
    });
  }

  let queue: Promise<unknown> = Promise.resolve();
  /** Changes are carried out one after another. */
  function inOrder<T>(change: () => Promise<T>): Promise<T> {
    const mine = queue.then(change);
    queue = mine.catch(() => {});
    return mine;
  }

  function refuseWhenStopping(): void {
    if (!state.stopping) return;
    throw new RoundhouseError("SHUTTING_DOWN", "The fleet stops: replicas can no longer be added or removed");
  }

  async function add(count: number, names: readonly string[]): Promise<void> {
    refuseWhenStopping();
    checkAdd(state, count, names, bounds);
    const { outcome, reason } = await settle((batch) => ({ type: "add", batch, count, names }));
    if (outcome === "healthy") return;
    const code = outcome === "timeout" ? "TIMEOUT" : outcome === "failed" ? "START_FAILED" : "SHUTTING_DOWN";
    throw new RoundhouseError(
      code,
      `Cannot add ${count} ${count === 1 ? "replica" : "replicas"}: ${reason}; what was started has been stopped`,
      { retryable: code !== "SHUTTING_DOWN" },
    );
  }

  async function remove(count: number, names: readonly string[]): Promise<void> {
    refuseWhenStopping();
    checkRemove(state, count, names);
    dispatch({ type: "remove", count, names });
  }

  async function stop(deadlineMs: number): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      const before = vanished;
      vanished = () => {
        before?.();
        resolve();
      };
    });
    dispatch({ type: "stop", deadlineMs });
    const patience = setTimeout(() => vanished?.(), deadlineMs + vanishMs);
    await gone;
    clearTimeout(patience);
    for (const life of state.lives.values()) {
      log.error({ replica: life.name, pid: life.pid }, `${life.name} is still there after SIGKILL`);
    }
    clearTimeout(deadlineTimer);
    await launcher.close();
  }

  return {
    replicas: () => [...state.lives.values()].filter((life) => life.seat > 0),
    serving: () => servingOf(state),
    spares: () => sparesOf(state),
    get desiredCount() {
      return holders(state).length;
    },
    counters: {
      get respawns() {
        return state.respawns;
      },
      get heartbeatFailures() {
        return state.heartbeatFailures;
      },
    },
    start() {
      const names = Array.from({ length: options.replicaCount ?? 3 }, (_, index) => `S${index + 1}`);
      return inOrder(() => settle((batch) => ({ type: "start", batch, names }))).then(() => {});
    },
    add: (count, names) => inOrder(() => add(count, names)),
    remove: (count, names) => inOrder(() => remove(count, names)),
    suspect(name, gone = false) {
      for (const life of state.lives.values()) {
        if (life.name === name && life.run > 0) heartbeat.probeNow(life.run, gone);
      }
    },
    onChange: (listener) => void listeners.push(listener),
    setInFlightOf(probe) {
      inFlightOf = probe;
    },
    stop,
  };
}

/** Unix time that never jumps back: deadlines survive a change of the wall clock. */
function nowMs(): number {
  return Math.round(performance.timeOrigin + performance.now());
}
