// The fleet as the dashboard sees it: the status report, and then only the replicas that have changed. A report of a
// thousand replicas is 300 KB, of which a second changes little.
import type { ReplicaReport, StatusReport } from "../admin-api.ts";
import type { EventSource } from "./event-hub.ts";

/** `event: fleet-change`. */
export interface FleetChangeReport extends Omit<StatusReport, "replicas" | "spares"> {
  /** Replicas that are new or not as they were. */
  readonly replicas: readonly ReplicaReport[];
  /** Names that are not listed any more. */
  readonly gone: readonly string[];
  /** Few; always all of them. */
  readonly spares: readonly ReplicaReport[];
}

export function fleetSource(read: () => StatusReport): EventSource<StatusReport> {
  return { name: "fleet", everyMs: 500, read, difference };
}

export function difference(before: StatusReport, now: StatusReport): FleetChangeReport {
  const known = new Map(before.replicas.map((replica) => [replica.name, JSON.stringify(replica)]));
  const names = new Set(now.replicas.map(({ name }) => name));
  return {
    ...now,
    replicas: now.replicas.filter((replica) => known.get(replica.name) !== JSON.stringify(replica)),
    gone: [...known.keys()].filter((name) => !names.has(name)),
  };
}
