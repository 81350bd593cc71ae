// The last quarter of an hour on this page: what the server remembered when it was asked, and what was read since. Pure.
import type { TrafficNow } from "../balancer/dashboard/traffic-source.ts";
import type { TrafficHistoryReport } from "../balancer/records-api.ts";
import type { Totals } from "../telemetry/traffic-step.ts";

type Values = readonly (number | null)[];

export interface TrafficTrack {
  readonly stepMs: number;
  /** When each step ended; the lists below have a value for each of them. */
  readonly atMs: readonly number[];
  readonly totals: Readonly<Record<keyof Totals, Values>>;
  /** Requests/s by replica. */
  readonly replicas: ReadonlyMap<string, Values>;
}

/** As much as the server remembers. */
export const windowMs = 15 * 60_000;
/** Replicas that are followed one by one, the busiest; the server tells of no more. */
export const replicasMax = 64;

export function trackOf({ stepMs, atMs, totals, busiest }: TrafficHistoryReport): TrafficTrack {
  return {
    stepMs,
    atMs,
    totals,
    replicas: new Map(busiest.map(({ name, requestsPerS }) => [name, requestsPerS])),
  };
}

/** Null: steps were missed, and the server must be asked again. */
export function withStep(track: TrafficTrack, { atMs, totals, figures }: TrafficNow): TrafficTrack | null {
  const last = track.atMs.at(-1) ?? 0;
  if (totals === null || atMs <= last) return track;
  if (atMs - last > 2.5 * track.stepMs) return null;
  const from = track.atMs.findIndex((each) => each > atMs - windowMs);
  const moved = (values: Values, value: number | null) => [...values.slice(from), value];
  const moves = Object.entries(track.totals) as [keyof Totals, Values][];
  const after: Partial<Record<keyof Totals, Values>> = {};
  for (const [name, values] of moves) after[name] = moved(values, totals[name]);
  return {
    stepMs: track.stepMs,
    atMs: [...track.atMs.slice(from), atMs],
    totals: after as TrafficTrack["totals"],
    replicas: replicasAfter(track, from, figures),
  };
}

function replicasAfter(
  { atMs, replicas }: TrafficTrack,
  from: number,
  figures: TrafficNow["figures"],
): TrafficTrack["replicas"] {
  const after = new Map<string, Values>();
  for (const [name, values] of replicas) {
    const kept = [...values.slice(from), figures[name]?.requestsPerS ?? null];
    if (kept.some((value) => value !== null)) after.set(name, kept);
  }
  const gap: Values = atMs.slice(from).map(() => null);
  for (const [name, { requestsPerS }] of Object.entries(figures)) {
    if (after.size >= replicasMax) break;
    if (!after.has(name)) after.set(name, [...gap, requestsPerS]);
  }
  return after;
}

/** What the replicas of one seat had, one after the other. */
export interface Stream {
  readonly seat: number;
  /** Of who has the seat, or had it last. */
  readonly name: string;
  readonly values: Values;
}

/**
 * The busiest seats one by one, in their order, so that a replacement goes on where its predecessor ended; and what the
 * others had together, where there are others.
 */
export function busiestStreams(
  { replicas, totals, atMs }: TrafficTrack,
  most: number,
  seatOf: (name: string) => number,
): { readonly streams: readonly Stream[]; readonly others: Values | null } {
  const bySeat = new Map<number, Stream>();
  for (const [name, values] of inOrderOfLeaving(replicas)) {
    const seat = seatOf(name);
    const before = bySeat.get(seat)?.values ?? [];
    bySeat.set(seat, { seat, name, values: atMs.map((_, at) => joint(before[at], values[at])) });
  }
  const all = [...bySeat.values()].sort((a, b) => load(b) - load(a));
  const streams = all.slice(0, most).sort((a, b) => a.seat - b.seat);
  if (all.length <= most && replicas.size < replicasMax) return { streams, others: null };
  const others = totals.requestsPerS.map((total, at) => {
    const named = streams.reduce((sum, { values }) => sum + (values[at] ?? 0), 0);
    return Math.max(0, (total ?? 0) - (totals.ownPerS[at] ?? 0) - named);
  });
  return { streams, others };
}

/** Who is there now comes last. */
function inOrderOfLeaving(replicas: TrafficTrack["replicas"]): [string, Values][] {
  const lastAt = (values: Values) => values.findLastIndex((value) => value !== null);
  return [...replicas].sort(([, a], [, b]) => lastAt(a) - lastAt(b));
}

/** While one drains and its successor serves, both had a part. */
function joint(one: number | null | undefined, other: number | null | undefined): number | null {
  return one == null ? (other ?? null) : one + (other ?? 0);
}

const load = ({ values }: Stream): number => values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
