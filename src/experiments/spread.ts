// How evenly something is spread: the figures that tell more than an average does.

export interface Spread {
  readonly total: number;
  readonly average: number;
  readonly min: number;
  readonly max: number;
  /** Of the whole population, not of a sample. */
  readonly standardDeviation: number;
  /** 1 is perfectly even. */
  readonly maxToAverage: number;
}

export function spreadOf(counts: readonly number[]): Spread {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const average = total / Math.max(1, counts.length);
  const variance =
    counts.reduce((sum, count) => sum + (count - average) ** 2, 0) / Math.max(1, counts.length);
  return {
    total,
    average,
    min: Math.min(...counts),
    max: Math.max(...counts),
    standardDeviation: Math.sqrt(variance),
    maxToAverage: average === 0 ? 1 : Math.max(...counts) / average,
  };
}

/**
 * Pearson's chi-squared of counts against expected shares, and the value that chance alone exceeds once in a thousand
 * times (Wilson and Hilferty's approximation, 1931).
 */
export function chiSquared(
  counts: readonly number[],
  shares: readonly number[],
): { readonly value: number; readonly limit: number } {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let value = 0;
  for (const [index, share] of shares.entries()) {
    const expected = share * total;
    value += ((counts[index] ?? 0) - expected) ** 2 / expected;
  }
  const freedom = Math.max(1, shares.length - 1);
  const normal = 3.0902; // exceeded by chance once in a thousand times
  const part = 2 / (9 * freedom);
  return { value, limit: freedom * (1 - part + normal * Math.sqrt(part)) ** 3 };
}
