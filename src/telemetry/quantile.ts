// Percentiles of a histogram's counts. Pure. The data plane counts answers by bucket, so that a percentile costs a
// request nothing; it is therefore as exact as the buckets are narrow.

/**
 * The duration within which this part (0…1) of the answers were complete, in ms, read off a straight line within its
 * bucket; null when there are none. What lies in the last bucket, which has no bound, counts as up to twice the last
 * bound.
 *
 * @param counts by bucket, each for itself; one more than there are bounds
 */
export function quantileMs(
  counts: ArrayLike<number>,
  boundsS: readonly number[],
  part: number,
): number | null {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket] as number;
  let left = total * part;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket] as number;
    if (count === 0 || left > count) {
      left -= count;
      continue;
    }
    const from = bucket === 0 ? 0 : (boundsS[bucket - 1] as number);
    const to = boundsS[bucket] ?? 2 * from;
    return (from + ((to - from) * left) / count) * 1000;
  }
  return null;
}
