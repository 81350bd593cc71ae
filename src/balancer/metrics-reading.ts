// What the metrics page shows, gathered from the parts at the moment when it is asked for.
import type { Fleet, ReplicaState } from "../fleet/fleet.ts";
import type { Usage } from "../fleet/usage.ts";
import type { MetricsReading, RolloutFigures } from "../telemetry/metrics-reading.ts";
import type { Autoscaler } from "./autoscaler.ts";
import type { DataPlane } from "./data-plane.ts";

const states: readonly ReplicaState[] = ["starting", "healthy", "down", "draining", "dead"];

/** By rank, since keys make no labels: there may be any number of them, and a key may be a secret. */
const hotKeysShown = 5;

export function readMetrics(
  fleet: Fleet,
  { table, read, hotKeys }: Pick<DataPlane, "table" | "read" | "hotKeys">,
  { report, counters }: Pick<Autoscaler, "report" | "counters">,
): MetricsReading {
  const { ring, replicas } = table.current;
  const shares = table.ring.shares();
  const autoscale = report();
  return {
    ...read(),
    replicasByState: countByState(fleet),
    replicasDesired: fleet.desiredCount,
    spares: fleet.spares().length,
    respawns: fleet.counters.respawns,
    heartbeatFailures: fleet.counters.heartbeatFailures,
    rollouts: rolloutFigures(fleet),
    serving: new Map(
      replicas.map(({ name, seat }) => [
        name,
        { share: shares.get(seat) ?? 0, inFlight: table.inFlightOf(name) },
      ]),
    ),
    usage: new Map(replicas.flatMap(({ name }) => usageRow(name, fleet.usageOf(name)))),
    autoscale: autoscale === null ? null : { ...autoscale, ...counters },
    hotKeyRates: hotKeys(hotKeysShown)?.keys.map(({ ratePerS }) => ratePerS) ?? [],
    slots: ring.slots,
    slotsMoved: table.ring.slotsMoved(),
    ringChanges: table.ring.changes,
  };
}

function rolloutFigures(fleet: Fleet): RolloutFigures {
  const { state, current, done } = fleet.rolloutReport();
  const { rolloutsComplete, rolloutsRolledBack } = fleet.counters;
  return {
    revision: current.number,
    phases: new Map(["forward", "back"].map((phase) => [phase, state === phase ? 1 : 0])),
    seatsDone: done,
    understudies: fleet.understudies().length,
    ended: new Map([
      ["complete", rolloutsComplete],
      ["rolled_back", rolloutsRolledBack],
    ]),
  };
}

function usageRow(name: string, usage: Usage | null): [string, Usage][] {
  return usage === null ? [] : [[name, usage]];
}

function countByState(fleet: Fleet): ReadonlyMap<string, number> {
  const counts = new Map<string, number>(states.map((state) => [state, 0]));
  for (const { state } of fleet.replicas()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
