// Who is much slower than the others, by the answers of one window of time. Pure. The data plane's own histogram is
// read at the window's two ends, so that being judged costs a request nothing.

/** One replica's answers in a window. */
export interface LatencyReading {
  readonly name: string;
  /** Answers in the window. */
  readonly requests: number;
  /** 95 of 100 were complete within this. */
  readonly p95Ms: number;
}

/** A reading, and what the others' were. */
export interface SlowReading extends LatencyReading {
  readonly othersMs: number;
}

export interface LatencyLimits {
  readonly latencyFactor: number;
  readonly latencyFloorMs: number;
  readonly latencyRequestsMin: number;
}

/** With fewer to compare it with, nobody can say which of them is the odd one out. */
const othersMin = 2;

/** Those above the factor, the slowest first. */
export function slowest(readings: readonly LatencyReading[], limits: LatencyLimits): SlowReading[] {
  if (limits.latencyFactor === Number.POSITIVE_INFINITY) return [];
  const known = readings.filter(({ requests }) => requests >= limits.latencyRequestsMin);
  if (known.length <= othersMin) return [];
  return known
    .map((reading) => ({ ...reading, othersMs: median(known.filter((other) => other !== reading)) }))
    .filter(({ p95Ms, othersMs }) => p95Ms > Math.max(limits.latencyFloorMs, othersMs * limits.latencyFactor))
    .sort((a, b) => b.p95Ms - a.p95Ms);
}

function median(readings: readonly LatencyReading[]): number {
  const sorted = readings.map(({ p95Ms }) => p95Ms).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}
