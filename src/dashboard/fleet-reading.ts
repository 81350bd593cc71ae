// The fleet as it was read last, kept up to date by changes. Replicas stay in their order, so that rows do not jump.
import type { ReplicaReport, StatusReport } from "../balancer/admin-api.ts";
import type { FleetChangeReport } from "../balancer/dashboard/fleet-source.ts";

export function withFleetChange(before: StatusReport, change: FleetChangeReport): StatusReport {
  const { gone, replicas: changed, ...rest } = change;
  const leaving = new Set(gone);
  const news = new Map(changed.map((replica) => [replica.name, replica]));
  const replicas: ReplicaReport[] = [];
  for (const replica of before.replicas) {
    if (leaving.has(replica.name)) continue;
    replicas.push(news.get(replica.name) ?? replica);
    news.delete(replica.name);
  }
  return { ...rest, replicas: [...replicas, ...news.values()] };
}
