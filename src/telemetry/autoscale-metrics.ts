// The metrics of autoscale: its bounds, what it asks for, what it has decided; and the requests that found nobody.
import type { Registry } from "prom-client";
import { counter, gauge } from "./metric-kinds.ts";
import type { AutoscaleMetrics, MetricsMoment } from "./metrics-reading.ts";

/** No series while it is off. */
export function registerAutoscale(registry: Registry, page: MetricsMoment): void {
  const rows = (of: keyof AutoscaleMetrics) => () => {
    const { autoscale } = page.reading;
    return autoscale === null ? [] : [[{}, autoscale[of]] as const];
  };
  gauge(registry, "roundhouse_autoscale_min", "Fewest replicas that autoscale keeps.", [], rows("min"));
  gauge(registry, "roundhouse_autoscale_max", "Most replicas that autoscale keeps.", [], rows("max"));
  gauge(
    registry,
    "roundhouse_autoscale_recommended",
    "Replicas that the load asks for now, within the bounds.",
    [],
    rows("recommended"),
  );
  counter(
    registry,
    "roundhouse_autoscale_decisions_total",
    "Decisions. direction: up or down.",
    ["direction"],
    () => {
      const { autoscale } = page.reading;
      if (autoscale === null) return [];
      return (["up", "down"] as const).map((direction) => [{ direction }, autoscale[direction]] as const);
    },
  );
  counter(
    registry,
    "roundhouse_autoscale_failures_total",
    "Decisions that could not be carried out.",
    [],
    rows("failed"),
  );
  gauge(
    registry,
    "roundhouse_requests_held",
    "Requests that wait because nobody can take them now.",
    [],
    () => [[{}, page.reading.held]],
  );
  counter(
    registry,
    "roundhouse_requests_held_total",
    "Times that nobody could take a request: it waited, or could not even wait.",
    [],
    () => [[{}, page.reading.heldTotal]],
  );
}
