// How many replicas a load asks for, target by target. Pure. Whether the count changes for it, and when, is
// autoscale.ts.
//
// In flight, requests per second and processor time are shared: twice the replicas, half of it each. So the count that
// meets a target follows from the sum. Around the target is a dead band: more replicas are asked for when each has more
// than (1 + tolerance) times its target, fewer when those that are left would still have less than it by as much. What
// was taken away is therefore not asked for again unless the load changes by more than the tolerance, squared.
//
// Latency is not shared: it stays low and then rises steeply. Above its target, more replicas are asked for. Below it,
// it does not tell how many are too many; so the load per replica at which it was missed is remembered (the knee), and
// there are never so few that each would come near it again. While no knee is known, one replica fewer is tried when
// the latency is less than half of its target.

/** What each replica should have; what is left out does not count. */
export interface AutoscaleTargets {
  /** Requests under way at one replica. */
  readonly inFlight?: number;
  readonly requestsPerS?: number;
  /** 95 of 100 answers are complete within this. Of the whole fleet. */
  readonly p95Ms?: number;
  /** Processor time per time: 0.7 is 70 % of one core. */
  readonly cpuCores?: number;
}

/** What the fleet has to do, measured since the last reading. Null: not known. */
export interface LoadSignals {
  /** Requests under way, on average, those that wait included. */
  readonly inFlight: number | null;
  /** Answers per second. */
  readonly requestsPerS: number | null;
  /** 0 when nothing was asked. */
  readonly p95Ms: number | null;
  /** From how many answers {@link p95Ms} is. */
  readonly answers: number;
  /** Of each replica that serves. */
  readonly cpuCores: readonly (number | null)[];
}

/** The replicas that the load falls on. */
export interface Crowd {
  /** How many there should be. */
  readonly wanted: number;
  readonly serving: number;
  /** Those that will take their part in a moment. One that fails to start time and again is not among them. */
  readonly starting: number;
}

/** Requests per second and replica at which the latency was missed, and when. */
export interface Knee {
  readonly requestsPerS: number;
  readonly atMs: number;
}

/** What one signal asks for. */
export interface Opinion {
  readonly signal: keyof AutoscaleTargets;
  /** Per replica; of a latency, as it is. Null: not known, and then it asks for what there is. */
  readonly value: number | null;
  readonly target: number;
  readonly count: number;
}

/** Fewer answers make no p95 that more replicas should be started for. */
const answersMin = 20;
/** A knee is forgotten then: what is served may have become faster. In ms. */
const kneeMs = 600_000;

export function opinionsOn(
  targets: AutoscaleTargets,
  crowd: Crowd,
  signals: LoadSignals,
  toleranceRatio: number,
  knee: Knee | null,
): Opinion[] {
  const present = Math.max(1, crowd.serving + crowd.starting);
  const shared = (signal: keyof AutoscaleTargets, sums: Sums | null): Opinion[] => {
    const target = targets[signal];
    if (target === undefined) return [];
    if (sums === null) return [{ signal, value: null, target, count: crowd.wanted }];
    const value = sums.atLeast / present;
    return [{ signal, value, target, count: countFor(sums, target, present, crowd.wanted, toleranceRatio) }];
  };
  return [
    ...shared("inFlight", known(signals.inFlight)),
    ...shared("requestsPerS", known(signals.requestsPerS)),
    ...shared("cpuCores", coresOf(signals.cpuCores, present, targets.cpuCores ?? 0)),
    ...byLatency(targets.p95Ms, crowd, signals, toleranceRatio, knee),
  ];
}

/** The sum over the replicas. Where some are not known: at least, for asking for more; at most, for fewer. */
interface Sums {
  readonly atLeast: number;
  readonly atMost: number;
}

function known(sum: number | null): Sums | null {
  return sum === null ? null : { atLeast: sum, atMost: sum };
}

/** A replica that was not looked at yet may use nothing, or its target. */
function coresOf(cores: LoadSignals["cpuCores"], present: number, target: number): Sums | null {
  const told = cores.filter((each) => each !== null);
  if (told.length === 0) return null;
  const atLeast = told.reduce((sum, each) => sum + each, 0);
  return { atLeast, atMost: atLeast + Math.max(0, present - told.length) * target };
}

function countFor(
  { atLeast, atMost }: Sums,
  target: number,
  present: number,
  wanted: number,
  toleranceRatio: number,
): number {
  const tooMuch = atLeast > present * target * (1 + toleranceRatio);
  if (tooMuch) return Math.max(wanted, wholeCount(atLeast / target));
  return Math.min(wanted, wholeCount((atMost * (1 + toleranceRatio)) / target));
}

/** Rounded up; 3.0000000001 is 3. */
function wholeCount(count: number): number {
  return Math.ceil(count - 1e-9);
}

function byLatency(
  target: number | undefined,
  crowd: Crowd,
  signals: LoadSignals,
  toleranceRatio: number,
  knee: Knee | null,
): Opinion[] {
  if (target === undefined) return [];
  const { p95Ms: value, requestsPerS } = signals;
  const { wanted, serving, starting } = crowd;
  const opinion = (count: number): Opinion[] => [{ signal: "p95Ms", value, target, count }];
  // Those that start will change it.
  if (value === null || requestsPerS === null || starting > 0) return opinion(wanted);
  const ratio = value / target;
  if (ratio > 1 + toleranceRatio)
    return opinion(signals.answers < answersMin ? wanted : Math.max(wanted, wholeCount(serving * ratio)));
  if (ratio > 1 / (1 + toleranceRatio)) return opinion(wanted);
  if (knee === null) return opinion(ratio < 0.5 ? wanted - 1 : wanted);
  return opinion(Math.min(wanted, wholeCount((requestsPerS * (1 + toleranceRatio)) / knee.requestsPerS)));
}

/** What this reading teaches about the load that a replica can bear. */
export function kneeAfter(
  knee: Knee | null,
  p95MsTarget: number | undefined,
  { serving, starting }: Crowd,
  { p95Ms, requestsPerS, answers }: LoadSignals,
  toleranceRatio: number,
  nowMs: number,
): Knee | null {
  const held = knee !== null && nowMs - knee.atMs > kneeMs ? null : knee;
  if (p95MsTarget === undefined || p95Ms === null || requestsPerS === null) return held;
  if (serving === 0 || starting > 0 || answers < answersMin) return held;
  const each = requestsPerS / serving;
  const missed = p95Ms > p95MsTarget * (1 + toleranceRatio);
  if (missed) return { requestsPerS: Math.min(each, held?.requestsPerS ?? each), atMs: nowMs };
  // It bears more than was thought.
  return held !== null && each > held.requestsPerS ? { ...held, requestsPerS: each } : held;
}
