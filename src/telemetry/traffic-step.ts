// What happened between two readings of the counters: rates, percentiles, and what is under way. Pure: readings and
// times are passed in. The counters are the data plane's own, so that a request costs nothing more for it.
import { quantileMs } from "./quantile.ts";
import { departedName, type TrafficSum } from "./traffic.ts";

/** Counters since the start, and gauges, at one moment. */
export interface TrafficReading {
  /** In ms since the Unix epoch, by a clock that never jumps back. */
  readonly atMs: number;
  /** By replica name; names in parentheses are no replicas. */
  readonly traffic: ReadonlyMap<string, TrafficSum>;
  /** Answers that the front door made itself, by status code. */
  readonly ownAnswers: ReadonlyMap<number, number>;
  readonly retries: number;
  readonly ejections: number;
  readonly overflowed: number;
  readonly connections: number;
  /** Exchanges under way, by replica in the ring. */
  readonly inFlight: ReadonlyMap<string, number>;
  readonly waiting: number;
  readonly desired: number;
  /** Null: there is no queue. */
  readonly queue: { readonly messages: number; readonly bytes: number } | null;
}

/** Of all replicas together. Null: there was nothing to say it from. */
export interface Totals {
  readonly requestsPerS: number;
  /** Answers by the first digit of their code, those of the front door itself included. */
  readonly s2xxPerS: number;
  readonly s3xxPerS: number;
  readonly s4xxPerS: number;
  readonly s5xxPerS: number;
  /** Answers that the front door made itself: nobody could serve, or the request was refused. */
  readonly ownPerS: number;
  /** Over the last {@link latencySteps} steps, of forwarded answers. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly inFlight: number;
  readonly waiting: number;
  readonly connections: number;
  /** Retries by policy, and the one safe re-dispatch that every request has. */
  readonly retriesPerS: number;
  readonly redispatchedPerS: number;
  /** Requests that went elsewhere because of the bound on loads. */
  readonly overflowPerS: number;
  /** How often a replica was set aside in this step; not a rate. */
  readonly ejections: number;
  /** Replicas in the ring, and how many there should be. */
  readonly serving: number;
  readonly desired: number;
  readonly queueMessagesPerS: number | null;
  readonly queueBytesPerS: number | null;
}

/** Of one replica. */
export interface ReplicaFigures {
  readonly requestsPerS: number;
  /** Those of them that failed: answers from 500, none at all (502, 504), cut off, or turned away for want of a place. */
  readonly errorsPerS: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly inFlight: number;
}

export interface TrafficStep {
  readonly atMs: number;
  readonly totals: Totals;
  /** Those in the ring, and those that left it and still answered something. */
  readonly replicas: ReadonlyMap<string, ReplicaFigures>;
}

/** Percentiles are of that many steps: a step of a quiet service has too few answers for one. */
export const latencySteps = 5;

/** Counters of one name, or of all, at one reading. */
interface Tally {
  requests: number;
  errors: number;
  redispatched: number;
  /** By the first digit of the code. */
  readonly classes: Float64Array;
  readonly latency: Float64Array;
}

/** The latencies counted at each of the last readings, the oldest first. */
type Window = Float64Array[];

interface Known {
  tally: Tally;
  readonly window: Window;
}

/** @param boundsS upper bounds of the latency buckets; the counts have one more. The first reading gives null. */
export function createTrafficSteps(
  boundsS: readonly number[],
): (reading: TrafficReading) => TrafficStep | null {
  const buckets = boundsS.length + 1;
  const known = new Map<string, Known>();
  const all: Known = { tally: emptyTally(buckets), window: [] };
  let before: TrafficReading | null = null;
  let begun = false;

  function percentiles(
    { window }: Known,
    latency: Float64Array,
    parts: readonly number[],
  ): (number | null)[] {
    const since = window[0];
    const counts = latency.map((count, bucket) => Math.max(0, count - (since?.[bucket] ?? 0)));
    window.push(latency);
    if (window.length > latencySteps) window.shift();
    return parts.map((part) => {
      const ms = quantileMs(counts, boundsS, part);
      return ms === null ? null : fourDigits(ms);
    });
  }

  function replicaStep(name: string, tally: Tally, elapsedS: number, inFlight: number): ReplicaFigures {
    const one = known.get(name) ?? newcomer();
    known.set(name, one);
    const [p50Ms = null, p99Ms = null] = percentiles(one, tally.latency, [0.5, 0.99]);
    const requestsPerS = rate(tally.requests, one.tally.requests, elapsedS);
    const errorsPerS = rate(tally.errors, one.tally.errors, elapsedS);
    one.tally = tally;
    return { requestsPerS, errorsPerS, p50Ms, p99Ms, inFlight };
  }

  /** It has counted from zero, unless the first reading of all found it there. */
  function newcomer(): Known {
    const tally = emptyTally(buckets);
    return { tally, window: begun ? [tally.latency] : [] };
  }

  function totalsOf(now: TrafficReading, last: TrafficReading, tally: Tally, elapsedS: number): Totals {
    const { tally: old } = all;
    const [p50Ms = null, p95Ms = null, p99Ms = null] = percentiles(all, tally.latency, [0.5, 0.95, 0.99]);
    const perS = (of: (from: TrafficReading) => number) => rate(of(now), of(last), elapsedS);
    const classPerS = (digit: number) => rate(tally.classes[digit] ?? 0, old.classes[digit] ?? 0, elapsedS);
    const queuePerS = (of: "messages" | "bytes") =>
      now.queue === null ? null : perS(({ queue }) => queue?.[of] ?? 0);
    return {
      requestsPerS: rate(tally.requests, old.requests, elapsedS),
      s2xxPerS: classPerS(2),
      s3xxPerS: classPerS(3),
      s4xxPerS: classPerS(4),
      s5xxPerS: classPerS(5),
      ownPerS: perS(({ ownAnswers }) => sum(ownAnswers.values())),
      p50Ms,
      p95Ms,
      p99Ms,
      inFlight: sum(now.inFlight.values()),
      waiting: now.waiting,
      connections: now.connections,
      retriesPerS: perS(({ retries }) => retries),
      redispatchedPerS: rate(tally.redispatched, old.redispatched, elapsedS),
      overflowPerS: perS(({ overflowed }) => overflowed),
      ejections: Math.max(0, now.ejections - last.ejections),
      serving: now.inFlight.size,
      desired: now.desired,
      queueMessagesPerS: queuePerS("messages"),
      queueBytesPerS: queuePerS("bytes"),
    };
  }

  return (now) => {
    const last = before;
    before = now;
    const elapsedS = last === null ? Number.POSITIVE_INFINITY : (now.atMs - last.atMs) / 1000;
    const total = emptyTally(buckets);
    const replicas = new Map<string, ReplicaFigures>();
    for (const [name, counters] of now.traffic) {
      if (name.startsWith("(") && name !== departedName) continue;
      const tally = tallyOf(counters);
      addTally(total, tally);
      if (name === departedName) continue;
      const figures = replicaStep(name, tally, elapsedS, now.inFlight.get(name) ?? 0);
      if (now.inFlight.has(name) || figures.requestsPerS > 0) replicas.set(name, figures);
    }
    addOwn(total, now.ownAnswers);
    for (const name of known.keys()) if (!now.traffic.has(name)) known.delete(name);
    const totals = totalsOf(now, last ?? now, total, elapsedS);
    all.tally = total;
    begun = true;
    return last === null ? null : { atMs: now.atMs, totals, replicas };
  };
}

/** A worker that was killed takes its last counts with it: a sum may then be a little less than before. */
function rate(now: number, before: number, elapsedS: number): number {
  return elapsedS > 0 ? fourDigits(Math.max(0, now - before) / elapsedS) : 0;
}

/** What anybody can read off a chart. */
const fourDigits = (value: number): number => Number(value.toPrecision(4));

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const each of numbers) total += each;
  return total;
}

function emptyTally(buckets: number): Tally {
  return {
    requests: 0,
    errors: 0,
    redispatched: 0,
    classes: new Float64Array(10),
    latency: new Float64Array(buckets),
  };
}

function tallyOf({
  answersByCode,
  failed,
  turnedAway,
  truncated,
  redispatched,
  latencyCounts,
}: TrafficSum): Tally {
  const classes = new Float64Array(10);
  let answers = 0;
  for (const [code, count] of answersByCode) {
    addAt(classes, Math.floor(code / 100), count);
    answers += count;
  }
  const lost = failed + turnedAway + truncated;
  return {
    requests: answers + lost,
    errors: (classes[5] ?? 0) + lost,
    redispatched,
    classes,
    latency: latencyCounts.slice(),
  };
}

function addTally(total: Tally, more: Tally): void {
  total.requests += more.classes.reduce((answers, count) => answers + count, 0);
  total.redispatched += more.redispatched;
  for (const [digit, count] of more.classes.entries()) addAt(total.classes, digit, count);
  for (const [bucket, count] of more.latency.entries()) addAt(total.latency, bucket, count);
}

/** What replicas failed to answer was answered by the front door, and is counted here. */
function addOwn(total: Tally, ownAnswers: ReadonlyMap<number, number>): void {
  for (const [code, count] of ownAnswers) {
    total.requests += count;
    addAt(total.classes, Math.floor(code / 100), count);
  }
}

function addAt(counts: Float64Array, at: number, more: number): void {
  counts[at] = (counts[at] ?? 0) + more;
}
