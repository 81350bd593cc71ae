// The shell around ejection.ts: it counts streaks, keeps the clock, and tells each upstream whether it may get requests.
// Who serves well costs nothing here: of answers below 500 it hears only while it asks for them (`Upstream.watched`).
import { latencyBucketsS, type Upstream } from "../proxy/upstream.ts";
import type { Log } from "../telemetry/log.ts";
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
import { type LatencyReading, p95Of } from "./latency-window.ts";
import { lengthened, noStreak, type Streak, tooLong } from "./streak.ts";

export interface Ejector {
  join(upstream: Upstream): void;
  leave(upstream: Upstream): void;
  /** So many replicas miss their heartbeats now. */
  down(count: number): void;
  /** An exchange brought no answer. */
  failed(upstream: Upstream): void;
  /** An answer came: told of every one from 500, and of the others while the upstream is watched. */
  answered(upstream: Upstream, code: number): void;
  /** A request goes to an upstream that is watched. */
  asked(upstream: Upstream): void;
  /** A replica's standing, for people; undefined when it is not in the ring. */
  standingOf(name: string): Standing | undefined;
  readonly counters: Readonly<EjectionCounters>;
  /** Everybody is used, because too few would be left. */
  readonly panic: boolean;
  close(): void;
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
    upstream.accepting = accepts(state, upstream.name);
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
      const { name, stats } = member.upstream;
      const counts = stats.latencyCounts.map((count, bucket) => count - (member.countsBefore[bucket] ?? 0));
      member.countsBefore = stats.latencyCounts.slice();
      const requests = counts.reduce((sum, count) => sum + count, 0);
      return { name, requests, p95Ms: p95Of(counts, latencyBucketsS) };
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
        countsBefore: upstream.stats.latencyCounts.slice(),
      });
      take({ type: "joined", name: upstream.name });
    },
    leave: (upstream) => {
      if (members.delete(upstream)) take({ type: "left", name: upstream.name });
    },
    down: (count) => {
      if (count !== state.down) take({ type: "down", count });
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
    standingOf: (name) => state.standings.get(name),
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
