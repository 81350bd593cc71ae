// The metrics of the replicas: how many there are in which state, and which are set aside.
import type { Registry } from "prom-client";
import { counter, gauge } from "./metric-kinds.ts";
import type { MetricsMoment } from "./metrics-reading.ts";

export function registerFleet(registry: Registry, page: MetricsMoment): void {
  gauge(registry, "roundhouse_replicas", "Replicas by state.", ["state"], () =>
    [...page.reading.replicasByState].map(([state, count]) => [{ state }, count] as const),
  );
  gauge(registry, "roundhouse_replicas_desired", "How many replicas there should be.", [], () => [
    [{}, page.reading.replicasDesired],
  ]);
  gauge(registry, "roundhouse_spares", "Warm spares, starting or healthy.", [], () => [
    [{}, page.reading.spares],
  ]);
  counter(
    registry,
    "roundhouse_respawns_total",
    "Replacements started because a replica died or hung.",
    [],
    () => [[{}, page.reading.respawns]],
  );
  counter(
    registry,
    "roundhouse_heartbeat_failures_total",
    "Heartbeats missed by replicas that had been healthy.",
    [],
    () => [[{}, page.reading.heartbeatFailures]],
  );
}

export function registerRollouts(registry: Registry, page: MetricsMoment): void {
  gauge(
    registry,
    "roundhouse_revision",
    "Number of the program that the fleet runs: 1 at first, one more with each roll-out.",
    [],
    () => [[{}, page.reading.rollouts.revision]],
  );
  gauge(
    registry,
    "roundhouse_rollout_active",
    "1 while a roll-out is under way, by its direction (forward, back).",
    ["phase"],
    () => [...page.reading.rollouts.phases].map(([phase, active]) => [{ phase }, active] as const),
  );
  gauge(registry, "roundhouse_rollout_seats_done", "Seats that run what they shall run.", [], () => [
    [{}, page.reading.rollouts.seatsDone],
  ]);
  gauge(registry, "roundhouse_understudies", "New replicas that start to take over a seat.", [], () => [
    [{}, page.reading.rollouts.understudies],
  ]);
  counter(
    registry,
    "roundhouse_rollouts_total",
    "Roll-outs that ended. outcome: complete or rolled_back.",
    ["outcome"],
    () => [...page.reading.rollouts.ended].map(([outcome, count]) => [{ outcome }, count] as const),
  );
}

/** Who is not in the ring has no series: a process that is gone uses nothing. */
export function registerUsage(registry: Registry, page: MetricsMoment): void {
  const rows = (of: "cpuSeconds" | "rssBytes") => () =>
    [...page.reading.usage].flatMap(([replica, { [of]: value }]) =>
      value === null ? [] : [[{ replica }, value] as const],
    );
  counter(
    registry,
    "roundhouse_replica_cpu_seconds_total",
    "Processor time that a replica's process tree has used since its start, looked at every 2 s.",
    ["replica"],
    rows("cpuSeconds"),
  );
  gauge(
    registry,
    "roundhouse_replica_resident_memory_bytes",
    "Memory of a replica's process tree, looked at every 2 s.",
    ["replica"],
    rows("rssBytes"),
  );
}

export function registerEjection(registry: Registry, page: MetricsMoment): void {
  gauge(
    registry,
    "roundhouse_replica_ejected",
    "How many data planes have set this replica aside now; 0 when none has.",
    ["replica"],
    () => [...page.reading.ejected].map(([replica, count]) => [{ replica }, count] as const),
  );
  counter(
    registry,
    "roundhouse_ejections_total",
    "Times a replica was set aside. cause: answers (too many bad ones in a row) or latency.",
    ["cause"],
    () => [...page.reading.ejections].map(([cause, count]) => [{ cause }, count] as const),
  );
  counter(
    registry,
    "roundhouse_ejections_spared_total",
    "Times a replica was not set aside only because too many were already.",
    [],
    () => [[{}, page.reading.ejectionsSpared]],
  );
  gauge(
    registry,
    "roundhouse_ejection_panic",
    "How many data planes use those set aside too, because so few replicas accept requests.",
    [],
    () => [[{}, page.reading.ejectionPanics]],
  );
}
