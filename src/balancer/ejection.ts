// Which replicas are set aside because of what their answers were like, though their heartbeats are fine: outlier
// detection in the manner of Envoy. A pure reducer: what happened and when goes in, who accepts requests comes out.
// Nothing here moves the ring: the keys of an ejected replica go to their next candidate, and come back with it.
//
//            too many bad answers in a row, or far slower than the others
//   serving ─────────────────────────────────────────────────────────────► ejected ◄───────────┐
//      ▲                                                                       │ its time is up │
//      │                                                                       ▼                │
//      └──────── it succeeds ──────── on trial ◄──── one request is sent ──── due      it fails │
//                                        │  └────────────────────────────────────────────────────┘
//                                        └─ no result for a while: due again
import { type LatencyReading, slowest } from "./latency-window.ts";
import { type Streak, type StreakLimits, tooLong } from "./streak.ts";

export interface EjectionPolicy extends StreakLimits {
  /** A replica whose p95 exceeds the others' median by this factor is ejected. Infinity: latency is not judged. */
  readonly latencyFactor: number;
  /** Nobody whose p95 is below this is slow, whatever the others are. */
  readonly latencyFloorMs: number;
  /** Answers in a window below which nothing is said about a replica's latency. */
  readonly latencyRequestsMin: number;
  /** The n-th ejection in short succession lasts n times this, at most `ejectionMsMax`. */
  readonly ejectionMs: number;
  readonly ejectionMsMax: number;
  /** The share of the replicas in the ring that may be ejected at the same time; of two or more always one. */
  readonly ejectedPercentMax: number;
  /** When a smaller share than this accepts requests, all do: a few good ones would be trampled. */
  readonly panicPercent: number;
}

/** One replica's. */
export interface Standing {
  readonly phase: "serving" | "ejected" | "due" | "trial";
  /**
   * When the phase ends by itself: serving: `ejections` is lowered; ejected: its time is up; trial: the next request
   * may be sent. Infinity: never.
   */
  readonly untilMs: number;
  /** Times it was ejected, less one for each `ejectionMs` in which it then served well. */
  readonly ejections: number;
  /** Why it was ejected last, in words; empty if it never was. */
  readonly reason: string;
}

export interface EjectionState {
  readonly policy: EjectionPolicy;
  readonly standings: ReadonlyMap<string, Standing>;
  /** Replicas that are out of the ring because they miss heartbeats. */
  readonly down: number;
  /** So few accept requests that all do. */
  readonly panic: boolean;
}

export type EjectionEvent =
  | { readonly type: "joined" | "left" | "asked" | "succeeded"; readonly name: string }
  | { readonly type: "failed"; readonly name: string; readonly streak: Streak }
  | { readonly type: "window"; readonly readings: readonly LatencyReading[] }
  | { readonly type: "down"; readonly count: number }
  | { readonly type: "clock" };

export type EjectionEffect =
  /** `spared`: it deserved it, but too many are ejected already. */
  | { readonly type: "ejected" | "spared"; readonly name: string; readonly cause: "answers" | "latency" }
  | {
      readonly type: "log";
      readonly level: "info" | "warn";
      readonly name: string;
      readonly message: string;
    };

export interface EjectionStep {
  readonly state: EjectionState;
  readonly effects: readonly EjectionEffect[];
}

/** A trial without a result (its client left, its answer has no end) is followed by another one after this. */
export const trialMs = 2_000;

const fresh: Standing = { phase: "serving", untilMs: Number.POSITIVE_INFINITY, ejections: 0, reason: "" };

export function nobodyEjected(policy: EjectionPolicy): EjectionState {
  return { policy, standings: new Map(), down: 0, panic: false };
}

/** May it get requests? */
export function accepts(state: EjectionState, name: string): boolean {
  const phase = state.standings.get(name)?.phase ?? "serving";
  return state.panic || phase === "serving" || phase === "due";
}

/** When `clock` has something to do; Infinity: never. */
export function nextDeadlineMs({ standings }: EjectionState): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { untilMs } of standings.values()) next = Math.min(next, untilMs);
  return next;
}

export function reduce(state: EjectionState, event: EjectionEvent, nowMs: number): EjectionStep {
  const draft: Draft = { state, standings: new Map(state.standings), effects: [], nowMs };
  apply(draft, event);
  const down = event.type === "down" ? event.count : state.down;
  return settled({ ...state, standings: draft.standings, down }, draft.effects);
}

/** The next state while it is being made. */
interface Draft {
  readonly state: EjectionState;
  readonly standings: Map<string, Standing>;
  readonly effects: EjectionEffect[];
  readonly nowMs: number;
}

function apply(draft: Draft, event: EjectionEvent): void {
  if (event.type === "joined") draft.standings.set(event.name, fresh);
  else if (event.type === "left") draft.standings.delete(event.name);
  else if (event.type === "asked") beginTrial(draft, event.name);
  else if (event.type === "succeeded") succeed(draft, event.name);
  else if (event.type === "failed") fail(draft, event.name, event.streak);
  else if (event.type === "window") judgeLatency(draft, event.readings);
  else if (event.type === "clock") passTime(draft);
}

function beginTrial(draft: Draft, name: string): void {
  const standing = draft.standings.get(name);
  if (standing?.phase !== "due") return;
  draft.standings.set(name, { ...standing, phase: "trial", untilMs: draft.nowMs + trialMs });
}

/** What a replica does while it is ejected and not yet on trial says nothing: it was asked for want of others. */
function succeed(draft: Draft, name: string): void {
  const standing = draft.standings.get(name);
  if (standing?.phase !== "due" && standing?.phase !== "trial") return;
  const untilMs = draft.nowMs + draft.state.policy.ejectionMs;
  draft.standings.set(name, { ...standing, phase: "serving", untilMs });
  log(draft, "info", name, `${name} serves again: its trial request succeeded`);
}

function fail(draft: Draft, name: string, streak: Streak): void {
  const standing = draft.standings.get(name);
  if (standing === undefined || standing.phase === "ejected") return;
  if (standing.phase !== "serving") {
    eject(draft, name, standing, "its trial request failed");
    draft.effects.push({ type: "ejected", name, cause: "answers" });
    return;
  }
  const reason = tooLong(streak, draft.state.policy);
  if (reason !== null) tryToEject(draft, name, standing, "answers", reason);
}

function judgeLatency(draft: Draft, readings: readonly LatencyReading[]): void {
  const serving = readings.filter(({ name }) => draft.standings.get(name)?.phase === "serving");
  for (const { name, p95Ms, othersMs } of slowest(serving, draft.state.policy)) {
    const reason = `its p95 was ${Math.round(p95Ms)} ms, the others' median ${Math.round(othersMs)} ms`;
    tryToEject(draft, name, draft.standings.get(name) ?? fresh, "latency", reason);
  }
}

function tryToEject(
  draft: Draft,
  name: string,
  standing: Standing,
  cause: "answers" | "latency",
  reason: string,
): void {
  const { standings } = draft;
  if (standings.size < 2) return;
  const ejected = [...standings.values()].filter(({ phase }) => phase !== "serving").length;
  const room = Math.floor((standings.size * draft.state.policy.ejectedPercentMax) / 100);
  const spared = ejected >= Math.max(1, room);
  draft.effects.push({ type: spared ? "spared" : "ejected", name, cause });
  if (!spared) eject(draft, name, standing, reason);
}

function eject(draft: Draft, name: string, standing: Standing, reason: string): void {
  const { ejectionMs, ejectionMsMax } = draft.state.policy;
  const ejections = standing.ejections + 1;
  const lastsMs = Math.min(ejectionMs * ejections, ejectionMsMax);
  draft.standings.set(name, { phase: "ejected", untilMs: draft.nowMs + lastsMs, ejections, reason });
  log(draft, "warn", name, `${name} is set aside for ${lastsMs / 1000} s: ${reason}`);
}

function passTime(draft: Draft): void {
  for (const [name, standing] of draft.standings) {
    if (standing.untilMs > draft.nowMs) continue;
    draft.standings.set(name, standing.phase === "serving" ? forgiven(standing, draft) : due(standing));
  }
}

function due(standing: Standing): Standing {
  return { ...standing, phase: "due", untilMs: Number.POSITIVE_INFINITY };
}

function forgiven(standing: Standing, { nowMs, state }: Draft): Standing {
  const ejections = standing.ejections - 1;
  const untilMs = ejections > 0 ? nowMs + state.policy.ejectionMs : Number.POSITIVE_INFINITY;
  return { ...standing, ejections, untilMs };
}

function log(draft: Draft, level: "info" | "warn", name: string, message: string): void {
  draft.effects.push({ type: "log", level, name, message });
}

/** The panic threshold counts those that miss their heartbeats too: they accept nothing either. */
function settled(state: EjectionState, effects: EjectionEffect[]): EjectionStep {
  const phases = [...state.standings.values()].map(({ phase }) => phase);
  const accepting = phases.filter((phase) => phase === "serving").length;
  const all = phases.length + state.down;
  const panic = accepting < phases.length && accepting * 100 < state.policy.panicPercent * all;
  if (panic === state.panic) return { state, effects };
  const message = panic
    ? `Only ${accepting} of ${all} replicas accept requests: those set aside are used again until it is more`
    : `${accepting} of ${all} replicas accept requests again: those set aside rest`;
  const told: EjectionEffect = { type: "log", level: panic ? "warn" : "info", name: "", message };
  return { state: { ...state, panic }, effects: [...effects, told] };
}
