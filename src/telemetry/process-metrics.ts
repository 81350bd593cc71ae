// The metrics of the program itself: what it has lost or got wrong, and what the runtime costs.
import { collectDefaultMetrics, type Registry } from "prom-client";
import { counter } from "./metric-kinds.ts";
import type { MetricsMoment } from "./metrics-reading.ts";

export function registerSelf(registry: Registry, page: MetricsMoment): void {
  counter(
    registry,
    "roundhouse_routing_key_errors_total",
    "Times the configured routing-key function threw or gave no usable key.",
    [],
    () => [[{}, page.reading.keyErrors]],
  );
  counter(
    registry,
    "roundhouse_log_lines_dropped_total",
    "Log lines lost because their reader was too slow.",
    [],
    () => [[{}, page.reading.logLinesDropped]],
  );
  counter(
    registry,
    "roundhouse_access_log_lines_dropped_total",
    "Access log lines lost because the disk was too slow or could not be written.",
    [],
    () => [[{}, page.reading.accessLinesDropped]],
  );
  // Event-loop lag, memory, descriptors, garbage collection. A timer every 20 ms feeds the lag histogram.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 });
  for (const name of costly) registry.removeSingleMetric(name);
}

/** These walk every open socket each time they are read, and their names break the naming rules. */
const costly = [
  "nodejs_active_handles",
  "nodejs_active_handles_total",
  "nodejs_active_requests",
  "nodejs_active_requests_total",
  "nodejs_active_resources",
  "nodejs_active_resources_total",
];
