// The lifecycle as it runs: events go in one after another, their effects are carried out, and a timer follows the
// next deadline. It decides nothing about replicas (lifecycle.ts does), and knows no launcher, probe or caller.
import { randomInt } from "node:crypto";
import type { FleetChange, FleetLog } from "./fleet.ts";
import type { Launches } from "./launches.ts";
import { reduce } from "./lifecycle.ts";
import { type Effect, type FleetEvent, type FleetState, nextDeadlineMs } from "./state.ts";

const timerMsMax = 2 ** 31 - 1;

/** What came of a batch of replicas. */
export type Settled = Extract<Effect, { type: "settled" }>;

/** An event as callers know it; its entropy is added here. */
export type BareEvent = FleetEvent extends infer Each
  ? Each extends FleetEvent
    ? Omit<Each, "entropy">
    : never
  : never;

export interface LifecycleParts {
  readonly log: FleetLog;
  /** 32 random bits; default the system's. */
  readonly entropy: (() => number) | undefined;
  readonly launches: Pick<Launches, "start" | "end">;
  /** Called after each dispatch, when all that it led to has been carried out. */
  readonly follow: () => void;
}

export interface RunningLifecycle {
  readonly state: FleetState;
  /** One event after another, also when a listener causes the next. */
  dispatch(event: BareEvent): void;
  /** Dispatches an event that names a batch; resolves when that has settled. */
  settle(event: (batch: number) => BareEvent): Promise<Settled>;
  /** See {@link Fleet.onChange} in fleet.ts. */
  onChange(listener: (change: FleetChange) => void): void;
  onRollout(listener: () => void): void;
  /** Its deadlines pass unnoticed from now on, unless another event comes. */
  close(): void;
}

export function runLifecycle(first: FleetState, parts: LifecycleParts): RunningLifecycle {
  const { log, launches, entropy = () => randomInt(2 ** 32) } = parts;
  let state = first;
  const listeners: ((change: FleetChange) => void)[] = [];
  const rolloutListeners: (() => void)[] = [];
  const settled = new Map<number, (outcome: Settled) => void>();
  let batches = 0;
  let deadlineTimer: NodeJS.Timeout | undefined;

  // ── Events in ────────────────────────────────────────────────────────────────────────────────────────────────

  const events: BareEvent[] = [];
  let dispatching = false;

  function dispatch(event: BareEvent): void {
    events.push(event);
    if (dispatching) return;
    dispatching = true;
    try {
      for (let next = events.shift(); next !== undefined; next = events.shift()) take(next);
    } finally {
      dispatching = false;
    }
    setDeadline();
    parts.follow();
  }

  function take(event: BareEvent): void {
    const result = reduce(state, { ...event, entropy: entropy() } as FleetEvent, nowMs());
    state = result.state;
    const lastChange = result.effects.findLastIndex((effect) => effect.type === "change");
    result.effects.forEach((effect, index) => {
      carryOut(effect, index < lastChange);
    });
  }

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

  function setDeadline(): void {
    clearTimeout(deadlineTimer);
    const inMs = nextDeadlineMs(state) - nowMs();
    if (inMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(timerMsMax, Math.max(0, Math.ceil(inMs)));
    deadlineTimer = setTimeout(() => dispatch({ type: "tick" }), waitMs);
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

  return {
    get state() {
      return state;
    },
    dispatch,
    settle,
    onChange: (listener) => void listeners.push(listener),
    onRollout: (listener) => void rolloutListeners.push(listener),
    close: () => clearTimeout(deadlineTimer),
  };
}

/** Unix time that never jumps back: deadlines survive a change of the wall clock. */
function nowMs(): number {
  return Math.round(performance.timeOrigin + performance.now());
}
