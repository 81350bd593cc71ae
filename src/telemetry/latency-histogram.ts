// The latency histogram of the metrics page, made of the data plane's own counts. Over all replicas, since one per
// replica would be most of the page.
import type { Metric } from "prom-client";
import { countedHistogram } from "./counted-histogram.ts";
import type { TrafficSum } from "./traffic.ts";

/**
 * @param sums read once per page
 * @param bucketsS upper bounds in seconds; the counts have one more, for +Inf
 */
export function latencyHistogram(sums: () => Iterable<TrafficSum>, bucketsS: readonly number[]): Metric {
  const help = "From a request's last head byte to its answer's last byte, over all replicas.";
  return countedHistogram("roundhouse_request_duration_seconds", help, bucketsS, () => {
    const counts = new Float64Array(bucketsS.length + 1);
    let sum = 0;
    for (const one of sums()) {
      sum += one.latencySumS;
      for (let bucket = 0; bucket < counts.length; bucket += 1) {
        counts[bucket] = (counts[bucket] as number) + (one.latencyCounts[bucket] ?? 0);
      }
    }
    return { counts, sum };
  });
}
