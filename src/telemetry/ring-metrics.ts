// The metrics of where requests go: the shares of the ring, its changes, and what load and hot keys change about it.
import type { Registry } from "prom-client";
import { counter, gauge } from "./metric-kinds.ts";
import type { MetricsMoment } from "./metrics-reading.ts";

export function registerRing(registry: Registry, page: MetricsMoment): void {
  gauge(
    registry,
    "roundhouse_ring_share_ratio",
    "Share of the key space that a replica owns, 0 to 1.",
    ["replica"],
    () => [...page.reading.serving].map(([replica, { share }]) => [{ replica }, share] as const),
  );
  gauge(registry, "roundhouse_ring_slots", "Slots of the ring.", [], () => [[{}, page.reading.slots]]);
  gauge(
    registry,
    "roundhouse_ring_slots_moved",
    "Slots that changed owner at the ring's last change.",
    [],
    () => [[{}, page.reading.slotsMoved]],
  );
  counter(registry, "roundhouse_ring_changes_total", "Changes of the ring.", [], () => [
    [{}, page.reading.ringChanges],
  ]);
}

export function registerHashing(registry: Registry, page: MetricsMoment): void {
  const rows = (of: "bounded" | "overflowed" | "spread") => () => [[{}, page.reading.hashing[of]] as const];
  counter(
    registry,
    "roundhouse_bounded_requests_total",
    "Requests routed while loads were bounded.",
    [],
    rows("bounded"),
  );
  counter(
    registry,
    "roundhouse_overflow_requests_total",
    "Requests that another replica got because the first one for their key was at its bound.",
    [],
    rows("overflowed"),
  );
  counter(
    registry,
    "roundhouse_spread_requests_total",
    "Requests of hot keys that are spread over several replicas.",
    [],
    rows("spread"),
  );
  gauge(
    registry,
    "roundhouse_hot_key_requests_per_second",
    "Requests per second for the hottest keys, by rank; /api/v1/hot-keys names them.",
    ["rank"],
    () => page.reading.hotKeyRates.map((rate, index) => [{ rank: String(index + 1) }, rate] as const),
  );
}
