// The last quarter of an hour, in fixed memory: one row of figures for each step of two seconds, of all replicas
// together and of each one. Pure: who reads the counters, and when, is somebody else's. Numbers are kept with the seven
// digits of single precision.
import type { ReplicaFigures, Totals, TrafficStep } from "./traffic-step.ts";

export interface HistoryOptions {
  /** Steps that are kept; default 450, a quarter of an hour of steps of two seconds. */
  readonly steps?: number;
  /** Replicas that have figures of their own, those gone in this time included; default 1,024 (9 kB each). */
  readonly replicasMax?: number;
}

/** Figures by name, each a list with a value for every step; null: there is none. */
export type Columns<Figures> = { readonly [Name in keyof Figures]: readonly (number | null)[] };

export interface HistoryReport {
  /** When each step ended, in ms since the Unix epoch. */
  readonly atMs: readonly number[];
  readonly totals: Columns<Totals>;
  /** Requests/s of those replicas that got most in this time, the busiest first; null: it was not there. */
  readonly busiest: readonly { readonly name: string; readonly requestsPerS: readonly (number | null)[] }[];
}

export interface ReplicaHistory {
  readonly atMs: readonly number[];
  readonly figures: Columns<ReplicaFigures>;
}

export interface History {
  push(step: TrafficStep): void;
  /** Null until the first step. */
  readonly latest: TrafficStep | null;
  /** Steps that ended after `sinceMs`, and at most so many of the busiest replicas. */
  report(sinceMs: number, replicas: number): HistoryReport;
  /** Null: nothing is kept of it. */
  replica(name: string): ReplicaHistory | null;
}

export const historyStepMs = 2_000;

const totalNames = [
  "requestsPerS",
  "s2xxPerS",
  "s3xxPerS",
  "s4xxPerS",
  "s5xxPerS",
  "ownPerS",
  "p50Ms",
  "p95Ms",
  "p99Ms",
  "inFlight",
  "waiting",
  "connections",
  "retriesPerS",
  "redispatchedPerS",
  "overflowPerS",
  "ejections",
  "serving",
  "desired",
  "queueMessagesPerS",
  "queueBytesPerS",
] as const satisfies readonly (keyof Totals)[];
const replicaNames = [
  "requestsPerS",
  "errorsPerS",
  "p50Ms",
  "p99Ms",
  "inFlight",
] as const satisfies readonly (keyof ReplicaFigures)[];

interface Track {
  readonly columns: ReadonlyMap<keyof ReplicaFigures, Float32Array>;
  /** The number of the last step that it was in. */
  lastStep: number;
}

export function createHistory({ steps = 450, replicasMax = 1_024 }: HistoryOptions = {}): History {
  const atMs = new Float64Array(steps);
  const totals = emptyColumns(totalNames, steps);
  const tracks = new Map<string, Track>();
  let pushed = 0;
  let latest: TrafficStep | null = null;

  function trackOf(name: string): Track | null {
    const known = tracks.get(name);
    if (known !== undefined || tracks.size >= replicasMax) return known ?? null;
    const track: Track = { columns: emptyColumns(replicaNames, steps), lastStep: 0 };
    tracks.set(name, track);
    return track;
  }

  /** Who was in no step that is still kept is forgotten. */
  function follow(replicas: TrafficStep["replicas"], slot: number): void {
    for (const [name, track] of tracks) {
      if (pushed - track.lastStep >= steps) tracks.delete(name);
      else for (const column of track.columns.values()) column[slot] = Number.NaN;
    }
    for (const [name, figures] of replicas) {
      const track = trackOf(name);
      if (track === null) continue;
      track.lastStep = pushed;
      for (const [figure, column] of track.columns) column[slot] = figures[figure] ?? Number.NaN;
    }
  }

  /** The places of the steps after `sinceMs`, the oldest first. */
  function slotsSince(sinceMs: number): number[] {
    const kept = Math.min(pushed, steps);
    const all = Array.from({ length: kept }, (_, index) => (pushed - kept + index) % steps);
    return all.filter((slot) => (atMs[slot] as number) > sinceMs);
  }

  function busiest(slots: readonly number[], count: number): HistoryReport["busiest"] {
    const rows = [...tracks].map(([name, { columns }]) => {
      const column = columns.get("requestsPerS") as Float32Array;
      return { name, column, load: slots.reduce((sum, slot) => sum + (column[slot] || 0), 0) };
    });
    rows.sort((a, b) => b.load - a.load || (a.name < b.name ? -1 : 1));
    return rows.slice(0, count).map(({ name, column }) => ({ name, requestsPerS: valuesOf(column, slots) }));
  }

  return {
    push: (step) => {
      const slot = pushed % steps;
      pushed += 1;
      latest = step;
      atMs[slot] = step.atMs;
      for (const [name, column] of totals) column[slot] = step.totals[name] ?? Number.NaN;
      follow(step.replicas, slot);
    },
    get latest() {
      return latest;
    },
    report: (sinceMs, replicas) => {
      const slots = slotsSince(sinceMs);
      return {
        atMs: slots.map((slot) => atMs[slot] as number),
        totals: columnsOf(totals, slots),
        busiest: busiest(slots, replicas),
      };
    },
    replica: (name) => {
      const track = tracks.get(name);
      if (track === undefined) return null;
      const slots = slotsSince(0);
      return { atMs: slots.map((slot) => atMs[slot] as number), figures: columnsOf(track.columns, slots) };
    },
  };
}

function emptyColumns<Name extends string>(
  names: readonly Name[],
  steps: number,
): ReadonlyMap<Name, Float32Array> {
  return new Map(names.map((name) => [name, new Float32Array(steps).fill(Number.NaN)]));
}

function columnsOf<Figures>(
  columns: ReadonlyMap<keyof Figures, Float32Array>,
  slots: readonly number[],
): Columns<Figures> {
  const entries = [...columns].map(([name, column]) => [name, valuesOf(column, slots)]);
  return Object.fromEntries(entries) as Columns<Figures>;
}

function valuesOf(column: Float32Array, slots: readonly number[]): (number | null)[] {
  return slots.map((slot) => shortened(column[slot] as number));
}

/** Four digits: what a chart can show, and half of the bytes. */
function shortened(value: number): number | null {
  return Number.isNaN(value) ? null : Number(value.toPrecision(4));
}
