// How many replicas there should be for the load that there is: target tracking as a pure function, (state, reading,
// nowMs) → { state, decision }. What each signal asks for is load-opinions.ts; here is what becomes of it. No clock, no
// fleet: the shell (balancer/autoscaler.ts) takes readings and carries decisions out.
//
//   the largest opinion ─▶ within min..max ─▶ more than there are: once the cooldown is over, at most so many times as many
//                                          └▶ fewer: the largest of the window (as Kubernetes' HPA does), once the
//                                             cooldown is over, and at most so many times fewer
//
// Somebody else may change the count too. It then counts as if a reading had asked for it: from there it goes on, and
// fewer are not made of it before the window has passed.
import {
  type AutoscaleTargets,
  type Crowd,
  type Knee,
  kneeAfter,
  type LoadSignals,
  type Opinion,
  opinionsOn,
} from "./load-opinions.ts";

export interface AutoscalePolicy {
  /** 0: none at all when nothing was asked for {@link idleMs}. */
  readonly min: number;
  readonly max: number;
  readonly targets: AutoscaleTargets;
  /** Half the width of the dead band around a target; 0.1 is 10 %. */
  readonly toleranceRatio: number;
  /** One decision makes at most so many times as many of them, or so many times fewer. More than 1. */
  readonly stepRatioMax: number;
  /** From one decision for more to the next. */
  readonly upCooldownMs: number;
  /** From any change to a decision for fewer. */
  readonly downCooldownMs: number;
  /** Fewer are made only when no reading of so much time asked for more. */
  readonly stabilizationMs: number;
  /** With min 0. */
  readonly idleMs: number;
}

export interface AutoscaleReading extends Crowd {
  /** The last decision is being carried out. */
  readonly changing: boolean;
  /** How the last decision ended, told once. */
  readonly outcome: "done" | "failed" | null;
  /** Something was asked since the last reading, or is still being answered. */
  readonly busy: boolean;
  /** Requests that wait because nobody serves. */
  readonly held: number;
  readonly signals: LoadSignals;
}

export interface AutoscaleState {
  readonly policy: AutoscalePolicy;
  /** What was asked for in the window: each count smaller than the one before, the first the largest of all. */
  readonly window: readonly { readonly atMs: number; readonly count: number }[];
  /** The count as we know it; another one in a reading is somebody else's doing. Null before the first reading. */
  readonly known: number | null;
  readonly lastUpMs: number;
  readonly lastChangeMs: number;
  readonly lastBusyMs: number;
  /** Decisions in a row that could not be carried out: each doubles the cooldown. */
  readonly failures: number;
  readonly knee: Knee | null;
}

export interface AutoscaleDecision {
  readonly from: number;
  readonly to: number;
  /** `load`: a target. `bounds`: min or max. `idle`: nothing to do. `woken`: a request waits. */
  readonly cause: "load" | "bounds" | "idle" | "woken";
  /** With its figures, in words. */
  readonly reason: string;
}

export interface AutoscaleStep {
  readonly state: AutoscaleState;
  /** Null: the count stays. */
  readonly decision: AutoscaleDecision | null;
  /** What the load asks for now, within min..max. */
  readonly recommended: number;
  readonly opinions: readonly Opinion[];
  /** Why it is as it is, in words. */
  readonly words: string;
}

export function beginAutoscale(policy: AutoscalePolicy): AutoscaleState {
  const never = Number.NEGATIVE_INFINITY;
  return {
    policy,
    window: [],
    known: null,
    lastUpMs: never,
    lastChangeMs: never,
    lastBusyMs: never,
    failures: 0,
    knee: null,
  };
}

export function reduce(before: AutoscaleState, reading: AutoscaleReading, nowMs: number): AutoscaleStep {
  const state = notice(before, reading, nowMs);
  const { min, max, idleMs } = state.policy;
  const { wanted } = reading;
  if (reading.changing) return stay(state, wanted, "the last decision is being carried out");
  if (wanted === 0 && min === 0) return atZero(state, reading, nowMs);
  if (wanted < min) return upToMin(state, wanted, nowMs);
  if (wanted > max) return change(state, wanted, max, "bounds", `at most ${max}`, nowMs);
  if (min === 0 && nowMs - state.lastBusyMs >= idleMs)
    return change(state, wanted, 0, "idle", `nothing was asked for ${seconds(idleMs)}`, nowMs);
  return byLoad(state, reading, nowMs);
}

/** What the reading says besides the load. */
function notice(state: AutoscaleState, reading: AutoscaleReading, nowMs: number): AutoscaleState {
  const { wanted, changing, outcome } = reading;
  const byOthers = !changing && wanted !== state.known && outcome !== "failed";
  // Until its newcomers serve, what is measured is the load without them.
  const growing = changing && state.known !== null && state.known > wanted;
  return {
    ...state,
    known: changing ? state.known : wanted,
    window: byOthers ? remembered(state, wanted, nowMs) : state.window,
    lastUpMs: growing ? nowMs : state.lastUpMs,
    lastChangeMs: byOthers || changing ? nowMs : state.lastChangeMs,
    lastBusyMs: byOthers || reading.busy ? nowMs : state.lastBusyMs,
    failures: outcome === "failed" ? state.failures + 1 : outcome === "done" ? 0 : state.failures,
  };
}

/** The window with one more count, and without what is older or outdone by it. */
function remembered({ window, policy }: AutoscaleState, count: number, nowMs: number) {
  const kept = window.filter((each) => each.atMs > nowMs - policy.stabilizationMs && each.count > count);
  return [...kept, { atMs: nowMs, count }];
}

function atZero(state: AutoscaleState, { held }: AutoscaleReading, nowMs: number): AutoscaleStep {
  if (held === 0) return stay(state, 0, "at rest: the next request starts one");
  const pause = pauseAfterFailure(state, 1, nowMs);
  if (pause !== null) return pause;
  const asked = held === 1 ? "1 request waits" : `${held} requests wait`;
  return change(state, 0, 1, "woken", asked, nowMs);
}

function upToMin(state: AutoscaleState, wanted: number, nowMs: number): AutoscaleStep {
  const { min } = state.policy;
  return (
    pauseAfterFailure(state, min, nowMs) ?? change(state, wanted, min, "bounds", `at least ${min}`, nowMs)
  );
}

/** What need not wait for a cooldown waits all the same when it has just failed. Null: now. */
function pauseAfterFailure(state: AutoscaleState, recommended: number, nowMs: number): AutoscaleStep | null {
  const leftMs = state.failures === 0 ? 0 : cooldownLeftMs(state, nowMs);
  if (leftMs <= 0) return null;
  return stay(state, recommended, `the last start failed; the next is tried in ${seconds(leftMs)}`);
}

function byLoad(before: AutoscaleState, reading: AutoscaleReading, nowMs: number): AutoscaleStep {
  const { policy } = before;
  const { signals, wanted } = reading;
  const { targets, toleranceRatio } = policy;
  const knee = kneeAfter(before.knee, targets.p95Ms, reading, signals, toleranceRatio, nowMs);
  const opinions = opinionsOn(targets, reading, signals, toleranceRatio, knee);
  const asked = opinions.length === 0 ? wanted : Math.max(...opinions.map(({ count }) => count));
  const recommended = Math.min(policy.max, Math.max(policy.min, 1, asked));
  const state = { ...before, knee, window: remembered(before, recommended, nowMs) };
  const step = judged(state, reading, recommended, opinions, nowMs);
  return { ...step, recommended, opinions };
}

function judged(
  state: AutoscaleState,
  { wanted }: AutoscaleReading,
  recommended: number,
  opinions: readonly Opinion[],
  nowMs: number,
): AutoscaleStep {
  const { policy } = state;
  const figures = opinions.map(figureOf).join(", ");
  if (recommended > wanted) {
    const leftMs = cooldownLeftMs(state, nowMs);
    if (leftMs > 0)
      return stay(state, recommended, `${recommended} asked for; cooldown, ${seconds(leftMs)} left`);
    const most = Math.max(wanted + 1, Math.floor(wanted * policy.stepRatioMax));
    return change(state, wanted, Math.min(recommended, most), "load", figures, nowMs, recommended);
  }
  const needed = state.window[0]?.count ?? recommended;
  if (needed < wanted) {
    const leftMs = state.lastChangeMs + policy.downCooldownMs - nowMs;
    if (leftMs > 0) return stay(state, recommended, `${needed} would do; cooldown, ${seconds(leftMs)} left`);
    const least = Math.min(wanted - 1, Math.ceil(wanted / policy.stepRatioMax));
    return change(state, wanted, Math.max(needed, least), "load", figures, nowMs, needed);
  }
  if (recommended < wanted) {
    const since = nowMs - (state.window[0]?.atMs ?? nowMs);
    const leftMs = policy.stabilizationMs - since;
    return stay(
      state,
      recommended,
      `${recommended} would do; ${needed} asked for lately, for ${seconds(leftMs)} more`,
    );
  }
  return stay(state, recommended, "as many as are asked for");
}

function cooldownLeftMs({ policy, failures, lastUpMs }: AutoscaleState, nowMs: number): number {
  // After a failure there is a pause even where there is no cooldown.
  const baseMs = failures === 0 ? policy.upCooldownMs : Math.max(1_000, policy.upCooldownMs);
  return lastUpMs + baseMs * 2 ** Math.min(failures, 5) - nowMs;
}

function stay(state: AutoscaleState, recommended: number, words: string): AutoscaleStep {
  return { state, decision: null, recommended, opinions: [], words };
}

/** @param asked what the load asks for, when one decision does not go so far */
function change(
  state: AutoscaleState,
  from: number,
  to: number,
  cause: AutoscaleDecision["cause"],
  why: string,
  nowMs: number,
  asked = to,
): AutoscaleStep {
  const step = asked === to ? "" : `; asked for: ${asked}, of which one step makes ${to}`;
  const reason = `${why}${step}`;
  const lastUpMs = to > from ? nowMs : state.lastUpMs;
  return {
    // Whoever needs a start's time to become busy is not idle yet.
    state: {
      ...state,
      known: to,
      lastUpMs,
      lastChangeMs: nowMs,
      lastBusyMs: to > from ? nowMs : state.lastBusyMs,
    },
    decision: { from, to, cause, reason },
    recommended: asked,
    opinions: [],
    words: reason,
  };
}

const units: Readonly<Record<keyof AutoscaleTargets, (value: number) => string>> = {
  inFlight: (value) => `${value.toFixed(1)} in flight`,
  requestsPerS: (value) => `${value.toFixed(1)} requests/s`,
  p95Ms: (value) => `p95 ${value.toFixed(0)} ms`,
  cpuCores: (value) => `${(100 * value).toFixed(0)} % of a core`,
};

/** `12.0 in flight per replica (target 5)`. */
function figureOf({ signal, value, target }: Opinion): string {
  const figure = value === null ? `${signal} unknown` : units[signal](value);
  const each = signal === "p95Ms" || value === null ? "" : " per replica";
  return `${figure}${each} (target ${signal === "cpuCores" ? `${Math.round(100 * target)} %` : target})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
