// What each replica's upstream has counted, over the whole life of the process. Not the counting itself: the data
// plane increments plain numbers, and this file adds them up when somebody asks.
//
// A replica that left keeps its series, so that no total ever goes backwards; the oldest of those beyond a cap are
// added up under one label, so that a year of replacements does not grow the page.

/** The counters of one upstream, as the data plane keeps them. */
export interface TrafficCounters {
  /** Answers by status code; index = code − 100. */
  readonly answersByCode: ArrayLike<number>;
  readonly redispatched: number;
  readonly failed: number;
  readonly turnedAway: number;
  readonly truncated: number;
  /** Exchanges by latency bucket; the last is +Inf. Not cumulative. */
  readonly latencyCounts: ArrayLike<number>;
  readonly latencySumS: number;
}

/** One line of the sum: all upstreams that ever had this replica name. */
export interface TrafficSum {
  readonly answersByCode: Map<number, number>;
  redispatched: number;
  failed: number;
  turnedAway: number;
  truncated: number;
  readonly latencyCounts: Float64Array;
  latencySumS: number;
}

export interface TrafficLedger {
  /** From now on these counters count under this replica's name. */
  join(replica: string, counters: TrafficCounters): void;
  /** The replica left; its counters may still rise a little while it drains. */
  leave(counters: TrafficCounters): void;
  /** Sums by replica name; {@link departedName} holds the oldest departed ones. */
  sums(): ReadonlyMap<string, TrafficSum>;
}

/** The label of replicas that left so long ago that they have no series of their own. Not a valid replica name. */
export const departedName = "(departed)";

interface Entry {
  readonly replica: string;
  readonly counters: TrafficCounters;
  gone: boolean;
}

/** @param departedMax departed replicas that keep a series of their own; default 64. */
export function createTrafficLedger(bucketCount: number, departedMax = 64): TrafficLedger {
  let entries: Entry[] = [];
  const departed = emptySum(bucketCount);

  function foldOldest(): void {
    const gone = entries.filter((entry) => entry.gone);
    const folded = new Set(gone.slice(0, Math.max(0, gone.length - departedMax)));
    for (const entry of folded) addUp(departed, entry.counters);
    if (folded.size > 0) entries = entries.filter((entry) => !folded.has(entry));
  }

  return {
    join: (replica, counters) => {
      entries.push({ replica, counters, gone: false });
    },
    leave: (counters) => {
      const index = entries.findIndex((entry) => entry.counters === counters && !entry.gone);
      const entry = entries[index];
      if (entry === undefined) return;
      entry.gone = true;
      // The youngest departed goes last: the order of departure is the order of folding.
      entries.splice(index, 1);
      entries.push(entry);
      foldOldest();
    },
    sums: () => {
      const sums = new Map<string, TrafficSum>();
      for (const { replica, counters } of entries) addUp(sumOf(sums, replica, bucketCount), counters);
      if (departed.answersByCode.size > 0 || departed.failed > 0) sums.set(departedName, departed);
      return sums;
    },
  };
}

function sumOf(sums: Map<string, TrafficSum>, replica: string, bucketCount: number): TrafficSum {
  const known = sums.get(replica);
  if (known !== undefined) return known;
  const sum = emptySum(bucketCount);
  sums.set(replica, sum);
  return sum;
}

function emptySum(bucketCount: number): TrafficSum {
  return {
    answersByCode: new Map(),
    redispatched: 0,
    failed: 0,
    turnedAway: 0,
    truncated: 0,
    latencyCounts: new Float64Array(bucketCount),
    latencySumS: 0,
  };
}

function addUp(sum: TrafficSum, counters: TrafficCounters): void {
  for (let index = 0; index < counters.answersByCode.length; index += 1) {
    const count = counters.answersByCode[index] as number;
    if (count > 0) sum.answersByCode.set(index + 100, (sum.answersByCode.get(index + 100) ?? 0) + count);
  }
  sum.redispatched += counters.redispatched;
  sum.failed += counters.failed;
  sum.turnedAway += counters.turnedAway;
  sum.truncated += counters.truncated;
  for (let bucket = 0; bucket < sum.latencyCounts.length; bucket += 1) {
    sum.latencyCounts[bucket] = (sum.latencyCounts[bucket] as number) + (counters.latencyCounts[bucket] ?? 0);
  }
  sum.latencySumS += counters.latencySumS;
}
