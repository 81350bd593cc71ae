// How far each consumer is behind, for the metrics: what is stored of its places against the shards' ends. Consumers
// are named by their users, so their number is bounded here.
import type { TopicEntry } from "../catalog.ts";
import type { Tablet } from "../tablet.ts";
import type { ConsumerLag } from "./figures.ts";

/** Consumers told of: those that are furthest behind. */
const LAGS_MAX = 100;
/** Places looked at each time, in all and in one shard. */
const PLACES_MAX = 2000;
const PLACES_PER_SHARD_MAX = 100;

export function lagsOf(
  topics: readonly TopicEntry[],
  tablets: { get(tablet: number): Tablet | null },
): readonly ConsumerLag[] {
  const lags = new Map<string, ConsumerLag>();
  let places = 0;
  for (const topic of topics) {
    if (topic.hidden === true) continue;
    for (const { shard, tablet } of topic.shards) {
      const owned = tablets.get(tablet);
      const range = owned?.range(shard);
      if (owned === null || range == null || places >= PLACES_MAX) continue;
      for (const [consumer, offset] of owned.positions(shard, PLACES_PER_SHARD_MAX)) {
        places++;
        const key = `${topic.name}/${consumer}`;
        const lag = range.end - Math.max(range.start, offset) + (lags.get(key)?.lag ?? 0);
        lags.set(key, { topic: topic.name, consumer, lag });
      }
    }
  }
  return furthestBehind([...lags.values()]);
}

export const furthestBehind = (lags: readonly ConsumerLag[]): readonly ConsumerLag[] =>
  lags.toSorted((a, b) => b.lag - a.lag).slice(0, LAGS_MAX);
