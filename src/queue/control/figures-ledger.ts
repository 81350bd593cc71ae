// The sums of what brokers count. A broker that has ended takes its last figures into the past, so that sums never go
// down; what is only true now (who waits, who is behind) goes with it.
import { type BrokerFigures, type ConsumerLag, createFigures, type Histogram } from "../broker/figures.ts";
import { furthestBehind } from "../broker/lags.ts";

export interface QueueFigures extends BrokerFigures {
  readonly ownerChanges: number;
  readonly respawns: number;
  /** Brokers that serve now. */
  readonly brokers: number;
  readonly quarantined: number;
  /** Tablets without an owner that serves them, quarantined ones included. */
  readonly unserved: number;
}

export interface FiguresLedger {
  /** `broker`: whatever stands for its process. */
  told(broker: object, figures: BrokerFigures): void;
  gone(broker: object): void;
  sums(): BrokerFigures;
}

export function createFiguresLedger(): FiguresLedger {
  const past = createFigures();
  const latest = new Map<object, BrokerFigures>();
  return {
    told: (broker, figures) => void latest.set(broker, figures),
    gone(broker) {
      const figures = latest.get(broker);
      latest.delete(broker);
      if (figures !== undefined) add(past, figures);
    },
    sums() {
      const sums = createFigures();
      add(sums, past);
      for (const figures of latest.values()) {
        add(sums, figures);
        sums.parked += figures.parked;
      }
      sums.lags = joined([...latest.values()].flatMap(({ lags }) => lags));
      return sums;
    },
  };
}

function add(sums: BrokerFigures, more: BrokerFigures): void {
  sums.messages += more.messages;
  sums.bytes += more.bytes;
  sums.damaged += more.damaged;
  addHistogram(sums.commitS, more.commitS);
  addHistogram(sums.commitBytes, more.commitBytes);
}

function addHistogram(sums: Histogram, more: Histogram): void {
  for (const [bucket, count] of more.counts.entries())
    sums.counts[bucket] = (sums.counts[bucket] ?? 0) + count;
  sums.sum += more.sum;
}

/** A consumer's shards may lie on several brokers. */
function joined(lags: readonly ConsumerLag[]): readonly ConsumerLag[] {
  const byName = new Map<string, ConsumerLag>();
  for (const one of lags) {
    const key = `${one.topic}/${one.consumer}`;
    byName.set(key, { ...one, lag: one.lag + (byName.get(key)?.lag ?? 0) });
  }
  return furthestBehind([...byName.values()]);
}
