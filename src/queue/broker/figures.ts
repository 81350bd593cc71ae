// What a broker counts, and tells the control plane once a second. Figures of brokers add up.

/** Upper bounds of a commit's duration, in seconds; one more bucket stands for +Inf. */
export const commitBucketsS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
] as const;
/** Upper bounds of a commit's size, in bytes; one more bucket stands for +Inf. */
export const commitBucketsBytes = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304] as const;

export interface Histogram {
  /** By bucket, each for itself; the last one is +Inf. */
  readonly counts: number[];
  sum: number;
}

export interface BrokerFigures {
  messages: number;
  bytes: number;
  readonly commitS: Histogram;
  readonly commitBytes: Histogram;
  damaged: number;
  /** Requests that wait for a tablet's owner now. */
  parked: number;
  /** Messages that each consumer has still to read, in the shards that are here; the largest ones only. */
  lags: readonly ConsumerLag[];
}

export interface ConsumerLag {
  readonly topic: string;
  readonly consumer: string;
  readonly lag: number;
}

export function createFigures(): BrokerFigures {
  return {
    messages: 0,
    bytes: 0,
    commitS: emptyHistogram(commitBucketsS),
    commitBytes: emptyHistogram(commitBucketsBytes),
    damaged: 0,
    parked: 0,
    lags: [],
  };
}

const emptyHistogram = (bounds: readonly number[]): Histogram => ({
  counts: new Array<number>(bounds.length + 1).fill(0),
  sum: 0,
});

export function observe(histogram: Histogram, bounds: readonly number[], value: number): void {
  let bucket = 0;
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
  histogram.counts[bucket] = (histogram.counts[bucket] as number) + 1;
  histogram.sum += value;
}
