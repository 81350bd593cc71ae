// The shell around ejection.ts: it counts streaks, keeps the clock, and tells each upstream whether it may get requests.
// Who serves well costs nothing here: of answers below 500 it hears only while it asks for them (`Upstream.watched`).
import { latencyBucketsS, type Upstream } from "../proxy/upstream.ts";
import type { Log } from "../telemetry/log.ts";
import { quantileMs } from "../telemetry/quantile.ts";
import {
  accepts,
  type EjectionEvent,
  type EjectionPolicy,
  type EjectionState,
  nextDeadlineMs,
  nobodyEjected,
  reduce,
  type Standing,
} from "./ejection.ts";
import type { LatencyReading } from "./latency-window.ts";
import { lengthened, noStreak, type Streak, tooLong } from "./streak.ts";

export interface Ejector {
  join(upstream: Upstream): void;
  leave(upstream: Upstream): void;
  /** A replica misses its heartbeats, or no longer does. */
  down(name: string, isDown: boolean): void;
  /** An exchange brought no answer. */
  failed(upstream: Upstream): void;
  /** An answer came: told of every one from 500, and of the others while the upstream is watched. */
  answered(upstream: Upstream, code: number): void;
  /** A request goes to an upstream that is watched. */
  asked(upstream: Upstream): void;
  /** For people; null when it is not in the ring. */
  report(name: string): EjectionReport | null;
  /** By replica: 1 while it is set aside, else 0. */
  ejectedNow(): ReadonlyMap<string, number>;
  readonly counters: Readonly<EjectionCounters>;
  /** Everybody is used, because too few would be left. */
  readonly panic: boolean;
  close(): void;
}

/** How a replica stands; see ejection.ts. */
export interface EjectionReport {
  /** `serving`, `ejected`, `due` (the next request is its trial), or `trial`. */
  readonly phase: Standing["phase"];
  /** How much longer it is set aside, in ms; 0 when it is not. */
  readonly leftMs: number;
  /** Ejections in short succession; the next one lasts the longer. */
  readonly ejections: number;
  /** Why it was ejected last, in words; empty if it never was. */
  readonly reason: string;
}

export interface EjectionCounters {
  /** By cause. */
  readonly ejected: { answers: number; latency: number };
  /** Deserved it, and were spared because too many were set aside already. */
  spared: number;
}

export interface EjectorParts {
  readonly policy: EjectionPolicy;
  /** How long answers are gathered before latencies are compared. */
  readonly latencyWindowMs: number;
  readonly log: Pick<Log, "info" | "warn">;
}

interface Member {
  readonly upstream: Upstream;
  streak: Streak;
  /** Its latency histogram when the window began. */
  countsBefore: Float64Array;
}

export function createEjector({ policy, latencyWindowMs, log }: EjectorParts): Ejector {
  let state: EjectionState = nobodyEjected(policy);
  const members = new Map<Upstream, Member>();
  const down = new Set<string>();
  const counters: EjectionCounters = { ejected: { answers: 0, latency: 0 }, spared: 0 };
  let timer: NodeJS.Timeout | undefined;
  let timerAtMs = Number.POSITIVE_INFINITY;
  const windows = policy.latencyFactor === Number.POSITIVE_INFINITY ? undefined : everyWindow();

  function everyWindow(): NodeJS.Timeout {
    return setInterval(() => take({ type: "window", readings: readWindow() }), latencyWindowMs).unref();
  }

  function take(event: EjectionEvent): void {
    const { state: next, effects } = reduce(state, event, performance.now());
    state = next;
    for (const effect of effects) {
      if (effect.type === "log")
        log[effect.level]({ event: "ejection", replica: effect.name }, effect.message);
      else if (effect.type === "spared") counters.spared += 1;
      else counters.ejected[effect.cause] += 1;
    }
    for (const member of members.values()) show(member);
    keepTime();
  }

  /** To the data plane. */
  function show({ upstream, streak }: Member): void {
    const phase = state.standings.get(upstream.name)?.phase;
    upstream.setAside(!accepts(state, upstream.name));
    upstream.watched = streak !== noStreak || phase === "due" || phase === "trial";
  }

  function keepTime(): void {
    const atMs = nextDeadlineMs(state);
    if (atMs === timerAtMs) return;
    clearTimeout(timer);
    timerAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const inMs = Math.max(0, Math.ceil(atMs - performance.now()));
    timer = setTimeout(() => {
      timerAtMs = Number.POSITIVE_INFINITY;
      take({ type: "clock" });
    }, inMs).unref();
  }

  function readWindow(): LatencyReading[] {
    return [...members.values()].map((member) => {
      const { name } = member.upstream;
      const now = ownCounts(member.upstream);
      const counts = now.map((count, bucket) => count - (member.countsBefore[bucket] ?? 0));
      member.countsBefore = now;
      const requests = counts.reduce((sum, count) => sum + count, 0);
      return { name, requests, p95Ms: quantileMs(counts, latencyBucketsS, 0.95) ?? 0 };
    });
  }

  /** Most bad answers only make a streak longer; a whole one is judged, and counting begins anew. */
  function bad(member: Member, outcome: number): void {
    const { name } = member.upstream;
    const phase = state.standings.get(name)?.phase;
    if (phase === "ejected") return;
    member.streak = lengthened(member.streak, outcome);
    member.upstream.watched = true;
    if (phase === "serving" && tooLong(member.streak, policy) === null) return;
    const { streak } = member;
    member.streak = noStreak;
    take({ type: "failed", name, streak });
  }

  return {
    join: (upstream) => {
      members.set(upstream, {
        upstream,
        streak: noStreak,
        countsBefore: ownCounts(upstream),
      });
      take({ type: "joined", name: upstream.name });
    },
    leave: (upstream) => {
      if (members.delete(upstream)) take({ type: "left", name: upstream.name });
    },
    down: (name, isDown) => {
      if (isDown) down.add(name);
      else down.delete(name);
      if (down.size !== state.down) take({ type: "down", count: down.size });
    },
    failed: (upstream) => {
      const member = members.get(upstream);
      if (member !== undefined) bad(member, 0);
    },
    answered: (upstream, code) => {
      const member = members.get(upstream);
      if (member === undefined) return;
      if (code >= 500) return bad(member, code);
      member.streak = noStreak;
      const phase = state.standings.get(upstream.name)?.phase;
      if (phase === "due" || phase === "trial") take({ type: "succeeded", name: upstream.name });
      else show(member);
    },
    asked: ({ name }) => {
      if (state.standings.get(name)?.phase === "due") take({ type: "asked", name });
    },
    report: (name) => reportOf(state.standings.get(name)),
    ejectedNow: () =>
      new Map([...state.standings].map(([name, { phase }]) => [name, phase === "serving" ? 0 : 1])),
    counters,
    get panic() {
      return state.panic;
    },
    close: () => {
      clearTimeout(timer);
      clearInterval(windows);
    },
  };
}

/** Its latency histogram, without the exchanges that had lost time at another replica. */
function ownCounts({ stats }: Upstream): Float64Array {
  return Float64Array.from(
    stats.latencyCounts,
    (count, bucket) => count - (stats.inheritedCounts[bucket] ?? 0),
  );
}

function reportOf(standing: Standing | undefined): EjectionReport | null {
  if (standing === undefined) return null;
  const { phase, untilMs, ejections, reason } = standing;
  const leftMs = phase === "ejected" ? Math.max(0, Math.round(untilMs - performance.now())) : 0;
  return { phase, leftMs, ejections, reason };
}
