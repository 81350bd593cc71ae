// The shell around the lifecycle: carries events in (from launchers, heartbeats, timers, callers) and effects out.
// It decides nothing about replicas; lifecycle.ts does.
import { randomInt } from "node:crypto";
import { RoundhouseError } from "../errors.ts";
import { createDrains } from "./drains.ts";
import { createFaultWatch } from "./fault-watch.ts";
import type { DesiredReplica, Fleet, FleetChange, FleetOptions, FleetSettings } from "./fleet.ts";
import { createHeartbeat, defaultHeartbeat, type HeartbeatOptions } from "./heartbeat.ts";
import { createLaunches } from "./launches.ts";
import { reduce } from "./lifecycle.ts";
import { createMemoryLimit } from "./memory.ts";
import type { ProbeResult } from "./probe.ts";
import { checkAdd, checkRemove, checkStart, checkWeigh, type FleetBounds } from "./requests.ts";
import { checkRestart, checkRollout, planOf, rolloutReport, storedRevisions } from "./rollout-report.ts";
import {
  desiredOf,
  type Effect,
  emptyFleet,
  type FleetEvent,
  holders,
  isProven,
  nextDeadlineMs,
  servingOf,
  sparesOf,
  understudiesOf,
} from "./state.ts";
import { createUsageMeter } from "./usage.ts";
import { createWatching } from "./watching.ts";

/** After SIGKILL at the latest, how long {@link Fleet.stop} waits for processes to vanish, in ms. */
const vanishMs = 2_000;
/** Servers of somebody else's are there or not: after so many looks in quick succession there is no hurry. */
const fixedQuickTries = 4;
const timerMsMax = 2 ** 31 - 1;

type Settled = Extract<Effect, { type: "settled" }>;
type BareEvent = FleetEvent extends infer Each
  ? Each extends FleetEvent
    ? Omit<Each, "entropy">
    : never
  : never;

/** Throws BAD_CONFIG when `replicaCount` is more than can be had. Starts nothing yet. */
export function createFleet(options: FleetOptions): Fleet {
  const { launcher, log, entropy = () => randomInt(2 ** 32) } = options;
  let bounds: FleetBounds = {
    replicasMax: replicasMaxOf(options),
    capacity: options.capacity ?? Number.POSITIVE_INFINITY,
    launchable: launcher.capacity ?? Number.POSITIVE_INFINITY,
  };
  const first =
    options.replicas ?? numbered(options.replicaCount ?? (launcher.fixed ? bounds.launchable : 3));
  checkStart(first.length, bounds);
  let { maxRssBytes } = options;
  const policy = {
    ...changeablePolicy(options),
    fixed: launcher.fixed,
    addDeadlineMs: options.addDeadlineMs ?? 30_000,
    weightOf: (seat: number) => launcher.weightOf?.(seat) ?? 1,
  };
  let state = emptyFleet(policy, options.revisions);
  const listeners: ((change: FleetChange) => void)[] = [];
  const rolloutListeners: (() => void)[] = [];
  const settled = new Map<number, (outcome: Settled) => void>();
  let started = false;
  let batches = 0;
  let inFlightOf: (name: string) => number = () => 0;
  let faultOf: (name: string) => string | null = () => null;
  let deadlineTimer: NodeJS.Timeout | undefined;
  let vanished: (() => void) | undefined;

  const launches = createLaunches(launcher, {
    launched: (run, address, pid) => dispatch({ type: "launched", run, address, pid }),
    exited: (run, reason) => dispatch({ type: "exited", run, reason }),
  });
  const heartbeat = createHeartbeat(
    heartbeatOf(options),
    { heard },
    launcher.fixed ? fixedQuickTries : undefined,
    options.probe,
  );
  const usage = createUsageMeter(
    createMemoryLimit(
      () => maxRssBytes,
      log,
      (run, reason) => dispatch({ type: "outgrown", run, reason }),
    ),
  );
  const watching = createWatching(heartbeat, usage, launches);
  const drains = createDrains(
    () => state.lives.values(),
    (name) => inFlightOf(name) === 0,
    (id) => dispatch({ type: "idle", id }),
  );

  const faults = createFaultWatch(
    () => state.lives.values(),
    (name) => faultOf(name),
    (id, reason) => dispatch({ type: "faulty", id, reason }),
  );

  function whole({ name, seat, weight = policy.weightOf(seat), revision }: DesiredReplica) {
    return { name, seat, weight, revision: revision ?? state.revision.number };
  }

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
    const result = reduce(state, { ...event, entropy: entropy() } as FleetEvent, nowMs());
    state = result.state;
    const lastChange = result.effects.findLastIndex((effect) => effect.type === "change");
    result.effects.forEach((effect, index) => {
      carryOut(effect, index < lastChange);
    });
  }

  async function heard(run: number, result: ProbeResult, enough: boolean): Promise<void> {
    if (!result.alive && !result.ours) dispatch({ type: "missed", run, reason: result.reason, enough });
    // With hundreds of replicas, most of what is heard changes nothing; it does not go through the lifecycle.
    if (!result.alive || isProven(state, run)) return;
    if (await launches.confirm(run)) dispatch({ type: "answered", run });
  }

  // ── Effects out ──────────────────────────────────────────────────────────────────────────────────────────────

  function carryOut(effect: Effect, more: boolean): void {
    switch (effect.type) {
      case "change":
        for (const listener of listeners) tell(listener, { ...effect.change, more });
        break;
      case "log":
        log[effect.level](effect.fields, effect.message);
        break;
      case "settled":
        settled.get(effect.batch)?.(effect);
        break;
      case "rollout":
        for (const listener of rolloutListeners) listener();
        break;
      case "launch":
        launches.start(effect.run, effect.spec);
        break;
      default:
        launches.end(effect.run, effect.type);
    }
  }

  function tell(listener: (change: FleetChange) => void, change: FleetChange): void {
    try {
      listener(change);
    } catch (error) {
      log.error({ err: error, replica: change.replica.name }, "A listener failed to take a change in");
    }
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
    watching.follow(state.lives.values());
    drains.follow();
    faults.follow();
    if (state.lives.size === 0) vanished?.();
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

  function setWeight(name: string, weight: number): void {
    refuseWhenStopping();
    checkWeigh(state, name, weight);
    dispatch({ type: "weigh", name, weight });
  }

  async function restart(name: string): Promise<string> {
    refuseWhenStopping();
    checkRestart(state, launcher, name);
    const seat = holders(state).find((life) => life.name === name)?.seat;
    const { outcome, reason } = await settle((batch) => ({ type: "renew", batch, name }));
    const holder = holders(state).find((life) => life.seat === seat);
    if (outcome === "healthy" && holder !== undefined) return holder.name;
    const code = outcome === "stopping" ? "SHUTTING_DOWN" : "START_FAILED";
    throw new RoundhouseError(code, `Cannot restart "${name}": ${reason}; it was left as it is`, {
      retryable: code === "START_FAILED",
    });
  }

  async function stop(deadlineMs: number): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      const before = vanished;
      vanished = () => {
        before?.();
        resolve();
      };
    });
    if (!state.stopping) launcher.letGo?.(desiredOf(state));
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
    understudies: () => understudiesOf(state),
    desired: () => (started ? desiredOf(state) : first.map(whole)),
    usageOf: (name) => usage.of(servingOf(state).find((life) => life.name === name)?.run ?? 0),
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
      get rolloutsComplete() {
        return state.rolloutsComplete;
      },
      get rolloutsRolledBack() {
        return state.rolloutsRolledBack;
      },
    },
    // Changes do not wait for it: a replica that never becomes healthy would keep them waiting until its deadline.
    start() {
      started = true;
      launcher.expect?.(first);
      return settle((batch) => ({ type: "start", batch, replicas: first })).then(() => {});
    },
    reconfigure(settings) {
      bounds = { ...bounds, replicasMax: replicasMaxOf(settings) };
      maxRssBytes = settings.maxRssBytes;
      heartbeat.reconfigure(heartbeatOf(settings));
      dispatch({ type: "policy", policy: changeablePolicy(settings) });
    },
    add: (count, names) => inOrder(() => add(count, names)),
    remove: (count, names) => inOrder(() => remove(count, names)),
    setWeight,
    restart,
    rollOut(change, plan) {
      refuseWhenStopping();
      checkRollout(state, launcher, change);
      dispatch({ type: "rollout", change, plan: planOf(state, plan) });
      return rolloutReport(state);
    },
    abortRollout() {
      if (state.rollout === null) throw noRollout();
      dispatch({ type: "abort", reason: "it was aborted" });
      return rolloutReport(state);
    },
    rolloutReport: () => rolloutReport(state),
    revisions: () => storedRevisions(state),
    onRollout: (listener) => void rolloutListeners.push(listener),
    setFaultOf(probe) {
      faultOf = probe;
    },
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

function noRollout(): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", "There is no roll-out to abort: none is under way", {
    source: "downstream",
  });
}

function numbered(count: number): DesiredReplica[] {
  return Array.from({ length: count }, (_, index) => ({ name: `S${index + 1}`, seat: index + 1 }));
}

function heartbeatOf({ heartbeat }: FleetSettings): HeartbeatOptions {
  return { ...defaultHeartbeat, ...heartbeat };
}

function replicasMaxOf({ replicasMax = 64 }: FleetSettings): number {
  return replicasMax;
}

function changeablePolicy(settings: FleetSettings) {
  const { warm = 0, drainMs = 10_000, startDeadlineMs = 30_000 } = settings;
  const { downAfter, upAfter } = heartbeatOf(settings);
  return { warm, downAfter, upAfter, drainMs, startDeadlineMs };
}

/** Unix time that never jumps back: deadlines survive a change of the wall clock. */
function nowMs(): number {
  return Math.round(performance.timeOrigin + performance.now());
}
