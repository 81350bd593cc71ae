// A histogram of the metrics page, made of counts that somebody else keeps. prom-client's Histogram can only observe,
// one value at a time; this object has the shape that its registry reads.
import type { Metric } from "prom-client";

export interface Counts {
  /** By bucket, each for itself; one more than there are bounds, for +Inf. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/**
 * @param read called once per page
 * @param bounds upper bounds of the buckets
 */
export function countedHistogram(
  name: string,
  help: string,
  bounds: readonly number[],
  read: () => Counts,
): Metric {
  const get = async () => ({
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    values: rowsOf(name, bounds, read()),
  });
  // The registry calls nothing but get() on a metric that it prints.
  return { name, help, type: "histogram", get } as unknown as Metric;
}

function rowsOf(name: string, bounds: readonly number[], { counts, sum }: Counts) {
  const rows: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
  let cumulative = 0;
  for (let bucket = 0; bucket <= bounds.length; bucket++) {
    cumulative += counts[bucket] ?? 0;
    rows.push({ metricName: `${name}_bucket`, labels: { le: bounds[bucket] ?? "+Inf" }, value: cumulative });
  }
  rows.push({ metricName: `${name}_sum`, labels: {}, value: sum });
  rows.push({ metricName: `${name}_count`, labels: {}, value: cumulative });
  return rows;
}
