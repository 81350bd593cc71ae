// How much the replicas have to do, read off the data plane's counts and the fleet's usage figures. Averages over a
// moving window: single moments of what is in flight scatter by more than any tolerance.
import type { Fleet } from "../fleet/fleet.ts";
import type { LoadSignals } from "../fleet/load-opinions.ts";
import { latencyBucketsS } from "../proxy/upstream.ts";
import { quantileMs } from "../telemetry/quantile.ts";
import type { TrafficSum } from "../telemetry/traffic.ts";
import type { DataPlane } from "./data-plane.ts";

export interface LoadReading {
  readonly signals: LoadSignals;
  /** Something was asked since the last reading, or is under way. */
  readonly busy: boolean;
  /** Requests that wait because nobody serves. */
  readonly held: number;
}

export interface LoadMeter {
  /** Looks at what is in flight; called some times between two readings. */
  sample(): Promise<void>;
  read(): Promise<LoadReading>;
  /** What was measured so far does not count any more: others serve now. */
  restart(): void;
}

export interface LoadMeterParts {
  readonly fleet: Pick<Fleet, "serving" | "usageOf">;
  readonly dataPlane: Pick<DataPlane, "table" | "read" | "held">;
  /** Reads the workers; undefined when this process serves by itself. */
  readonly gather: (() => Promise<void>) | undefined;
  readonly averageMs: () => number;
  readonly clockMs?: () => number;
}

/** What has been counted by a moment; a window is the difference of two. */
interface Mark {
  readonly atMs: number;
  /** Answers by latency bucket. */
  readonly latencies: Float64Array;
  /** Requests in flight, times ms. */
  readonly inFlightMs: number;
}

export function createLoadMeter(parts: LoadMeterParts): LoadMeter {
  const { fleet, dataPlane, gather, averageMs, clockMs = () => performance.now() } = parts;
  let inFlight = 0;
  let inFlightMs = 0;
  let sampledAtMs = clockMs();
  let askedBefore = 0;
  /** The first is as old as the window, or older than it by less than one reading. */
  let marks: Mark[] = [];

  async function sample(): Promise<void> {
    await gather?.();
    const nowMs = clockMs();
    const { table, held } = dataPlane;
    inFlight = fleet.serving().reduce((sum, { name }) => sum + table.inFlightOf(name), held);
    inFlightMs += inFlight * (nowMs - sampledAtMs);
    sampledAtMs = nowMs;
  }

  function markOf(latencies: Float64Array): Mark {
    return { atMs: sampledAtMs, latencies, inFlightMs };
  }

  return {
    sample,
    async read() {
      await sample();
      const { traffic, heldTotal } = dataPlane.read();
      const sums = ofReplicas(traffic);
      const now = markOf(latenciesOf(sums));
      while ((marks[1]?.atMs ?? Number.POSITIVE_INFINITY) <= now.atMs - averageMs()) marks.shift();
      const signals = signalsBetween(marks[0], now, inFlight);
      marks.push(now);
      const asked = askedOf(sums) + heldTotal;
      const busy = asked !== askedBefore || inFlight > 0;
      askedBefore = asked;
      const cpuCores = fleet.serving().map(({ name }) => fleet.usageOf(name)?.cpuCores ?? null);
      return { signals: { ...signals, cpuCores }, busy, held: dataPlane.held };
    },
    restart: () => {
      marks = [markOf(latenciesOf(ofReplicas(dataPlane.read().traffic)))];
    },
  };
}

type Counted = Omit<LoadSignals, "cpuCores">;

const unknown: Counted = { inFlight: null, requestsPerS: null, p95Ms: null, answers: 0 };

function signalsBetween(then: Mark | undefined, now: Mark, inFlightNow: number): Counted {
  const ms = then === undefined ? 0 : now.atMs - then.atMs;
  if (then === undefined || ms <= 0) return unknown;
  // A worker that was killed takes its last counts along.
  const latencies = now.latencies.map((count, bucket) => Math.max(0, count - (then.latencies[bucket] ?? 0)));
  const answers = total(latencies);
  const inFlight = (now.inFlightMs - then.inFlightMs) / ms;
  // Nothing asked is as good as answered at once; nothing answered of what was asked is not.
  const p95Ms = quantileMs(latencies, latencyBucketsS, 0.95) ?? (inFlightNow + inFlight === 0 ? 0 : null);
  return { inFlight, requestsPerS: (1000 * answers) / ms, p95Ms, answers };
}

/** Those of the replicas, also of such as have left; not of our own control API. */
function ofReplicas(traffic: ReadonlyMap<string, TrafficSum>): TrafficSum[] {
  return [...traffic].filter(([name]) => name !== "(control)").map(([, sum]) => sum);
}

function latenciesOf(sums: readonly TrafficSum[]): Float64Array {
  const all = new Float64Array(latencyBucketsS.length + 1);
  for (const { latencyCounts } of sums)
    for (let bucket = 0; bucket < all.length; bucket += 1)
      all[bucket] = (all[bucket] as number) + (latencyCounts[bucket] ?? 0);
  return all;
}

/** All that replicas were ever asked, whatever became of it. */
function askedOf(sums: readonly TrafficSum[]): number {
  return sums.reduce(
    (asked, { latencyCounts, failed, turnedAway, truncated }) =>
      asked + total(latencyCounts) + failed + turnedAway + truncated,
    0,
  );
}

function total(counts: Float64Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
