// The latency histogram of the metrics page, made of the data plane's own counts. prom-client's Histogram can only
// observe, one value at a time; this object has the shape that its registry reads. Over all replicas, since one per
// replica would be most of the page.
import type { Metric } from "prom-client";
import type { TrafficSum } from "./traffic.ts";

/**
 * @param sums read once per page
 * @param bucketsS upper bounds in seconds; the counts have one more, for +Inf
 */
export function latencyHistogram(sums: () => Iterable<TrafficSum>, bucketsS: readonly number[]): Metric {
  const name = "roundhouse_request_duration_seconds";
  const help = "From a request's last head byte to its answer's last byte, over all replicas.";
  const get = async () => ({
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    values: histogramRows(name, sums(), bucketsS),
  });
  // The registry calls nothing but get() on a metric that it prints.
  return { name, help, type: "histogram", get } as unknown as Metric;
}

function histogramRows(name: string, sums: Iterable<TrafficSum>, bucketsS: readonly number[]) {
  const counts = new Float64Array(bucketsS.length + 1);
  let sumS = 0;
  for (const sum of sums) {
    sumS += sum.latencySumS;
    for (let bucket = 0; bucket < counts.length; bucket += 1) {
      counts[bucket] = (counts[bucket] as number) + (sum.latencyCounts[bucket] ?? 0);
    }
  }
  const rows: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
  let cumulative = 0;
  for (const [bucket, count] of counts.entries()) {
    cumulative += count;
    const le = bucketsS[bucket] ?? "+Inf";
    rows.push({ metricName: `${name}_bucket`, labels: { le }, value: cumulative });
  }
  rows.push({ metricName: `${name}_sum`, labels: {}, value: sumS });
  rows.push({ metricName: `${name}_count`, labels: {}, value: cumulative });
  return rows;
}
