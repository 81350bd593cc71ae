// The Prometheus page; names and help texts are in the file of each kind of metric. Nothing is counted here: the data
// plane and the fleet keep plain numbers, and they are read when the page is asked for, so that a request costs no
// metrics work.
import { Registry } from "prom-client";
import { registerAutoscale } from "./autoscale-metrics.ts";
import { registerEjection, registerFleet, registerRollouts, registerUsage } from "./fleet-metrics.ts";
import { latencyHistogram } from "./latency-histogram.ts";
import type { MetricsMoment, MetricsReading } from "./metrics-reading.ts";
import { registerSelf } from "./process-metrics.ts";
import { registerHashing, registerRing } from "./ring-metrics.ts";
import { registerBatching, registerRetries, registerTraffic } from "./traffic-metrics.ts";

export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/**
 * @param read called once per page.
 * @param latencyBucketsS upper bounds of the latency buckets, in seconds; the counts have one more, for +Inf.
 * @param more another page, to be a part of this one.
 */
export function createMetricsPage(
  read: () => MetricsReading,
  latencyBucketsS: readonly number[],
  more?: MetricsPage,
): MetricsPage {
  const registry = new Registry();
  const page: MetricsMoment = { reading: read() };
  registerTraffic(registry, page);
  registry.registerMetric(latencyHistogram(() => page.reading.traffic.values(), latencyBucketsS));
  registerRetries(registry, page);
  registerBatching(registry, page);
  registerFleet(registry, page);
  registerRollouts(registry, page);
  registerUsage(registry, page);
  registerAutoscale(registry, page);
  registerEjection(registry, page);
  registerRing(registry, page);
  registerHashing(registry, page);
  registerSelf(registry, page);
  return {
    contentType: registry.contentType,
    text: async () => {
      page.reading = read();
      const text = await registry.metrics();
      return more === undefined ? text : `${text}\n${await more.text()}`;
    },
  };
}
