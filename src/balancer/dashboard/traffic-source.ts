// The traffic of the last step as the dashboard sees it: all figures, and then only the replicas whose figures have
// changed. What was before is asked for once (`GET /api/v1/history`), and goes on from here.
import type { ReplicaFigures, Totals, TrafficStep } from "../../telemetry/traffic-step.ts";
import type { EventSource } from "./event-hub.ts";

/** `event: traffic`. */
export interface TrafficNow {
  /** When the step ended, in ms since the Unix epoch; 0: none has yet. */
  readonly atMs: number;
  readonly totals: Totals | null;
  readonly figures: Readonly<Record<string, ReplicaFigures>>;
  /** How many replicas have gone since the start. */
  readonly departed: number;
}

/** `event: traffic-change`. `figures` has those that are not as they were. */
export interface TrafficChange extends TrafficNow {
  /** Names without figures now. */
  readonly gone: readonly string[];
}

export function trafficSource(
  latest: () => TrafficStep | null,
  departed: () => number,
): EventSource<TrafficNow> {
  const read = (): TrafficNow => {
    const { atMs = 0, totals = null, replicas = [] } = latest() ?? {};
    return { atMs, totals, figures: Object.fromEntries(replicas), departed: departed() };
  };
  return { name: "traffic", everyMs: 1_000, read, difference };
}

export function difference(before: TrafficNow, now: TrafficNow): TrafficChange {
  const same = (name: string) => JSON.stringify(before.figures[name]) === JSON.stringify(now.figures[name]);
  const changed = Object.entries(now.figures).filter(([name]) => !same(name));
  return {
    ...now,
    figures: Object.fromEntries(changed),
    gone: Object.keys(before.figures).filter((name) => now.figures[name] === undefined),
  };
}
