// What the metrics page shows, gathered from the parts at the moment when it is asked for.
import type { Fleet, ReplicaState } from "../fleet/fleet.ts";
import type { ProxyStats } from "../proxy/proxy.ts";
import type { MetricsReading } from "../telemetry/metrics.ts";
import type { TrafficLedger } from "../telemetry/traffic.ts";
import type { Ejector } from "./ejector.ts";
import type { KeyErrors } from "./key-errors.ts";
import type { RoutingTable } from "./routing-table.ts";

export interface MetricsParts {
  readonly fleet: Fleet;
  readonly table: RoutingTable;
  readonly ledger: TrafficLedger;
  readonly stats: ProxyStats;
  readonly ejector: Ejector | null;
  readonly keyErrors: Pick<KeyErrors, "count">;
  /** Log lines lost so far. */
  readonly logLinesDropped: () => number;
}

const states: readonly ReplicaState[] = ["starting", "healthy", "down", "draining", "dead"];

export function readMetrics({
  fleet,
  table,
  ledger,
  stats,
  ejector,
  ...parts
}: MetricsParts): MetricsReading {
  const { ring, replicas } = table.current;
  const shares = table.ring.shares();
  return {
    traffic: ledger.sums(),
    ownAnswers: stats.ownAnswers,
    connections: stats.connections,
    connectionsTotal: stats.connectionsTotal,
    connectionsRefused: stats.connectionsRefused,
    replicasByState: countByState(fleet),
    replicasDesired: fleet.desiredCount,
    spares: fleet.spares().length,
    respawns: fleet.counters.respawns,
    heartbeatFailures: fleet.counters.heartbeatFailures,
    serving: new Map(
      replicas.map(({ name, seat }) => [
        name,
        {
          share: shares.get(seat) ?? 0,
          inFlight: table.inFlightOf(name),
          accepting: table.current.upstreamsBySeat[seat]?.accepting ?? false,
        },
      ]),
    ),
    ejections: new Map(Object.entries(ejector?.counters.ejected ?? {})),
    ejectionsSpared: ejector?.counters.spared ?? 0,
    ejectionPanic: ejector?.panic ?? false,
    slots: ring.slots,
    slotsMoved: table.ring.slotsMoved(),
    ringChanges: table.ring.changes,
    keyErrors: parts.keyErrors.count,
    logLinesDropped: parts.logLinesDropped(),
  };
}

function countByState(fleet: Fleet): ReadonlyMap<string, number> {
  const counts = new Map<string, number>(states.map((state) => [state, 0]));
  for (const { state } of fleet.replicas()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
