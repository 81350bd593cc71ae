// How it goes with the replicas in the ring as this data plane sees them: who is set aside, who is full, who is waited
// for. For the status report and the metrics; nothing on the path of a request reads it.
import type { Sharing } from "../proxy/batching.ts";
import type { Upstream } from "../proxy/upstream.ts";
import type { EjectionReport, Ejector } from "./ejector.ts";
import type { RoutingSnapshot } from "./routing-table.ts";

/** One replica's. */
export interface ReplicaCondition {
  /** How it stands with those who judge its answers; null when nobody does. */
  readonly ejection: EjectionReport | null;
  /** Exchanges that wait for a place at it. */
  readonly waiting: number;
  /** Its circuit breaker is open: no place is free. */
  readonly full: boolean;
}

/** Null: it is not in the ring. */
export function conditionOf(
  now: RoutingSnapshot,
  ejector: Ejector | null,
  name: string,
): ReplicaCondition | null {
  const upstream = now.upstreamsBySeat.find((each) => each?.name === name);
  if (upstream === undefined) return null;
  const { waiting, isFull } = upstream;
  return { ejection: ejector?.report(name) ?? null, waiting, full: isFull };
}

/** Why nobody should count on it, in words; null: nothing is known against it. */
export function faultIn(condition: ReplicaCondition | null): string | null {
  const ejection = condition?.ejection ?? null;
  return ejection === null || ejection.phase === "serving" ? null : `is set aside: ${ejection.reason}`;
}

/** Figures by replica, which add up over several data planes. */
export function conditionsRead(now: RoutingSnapshot) {
  const upstreams = now.upstreamsBySeat.filter((upstream) => upstream !== undefined);
  const byName = (figure: (upstream: Upstream) => number): ReadonlyMap<string, number> =>
    new Map(upstreams.map((upstream) => [upstream.name, figure(upstream)]));
  return { waiting: byName(({ waiting }) => waiting), full: byName(({ isFull }) => (isFull ? 1 : 0)) };
}

/** With upstream batching: how many replicas' connections may be shared, and of the others, why not. */
export function sharingRead(now: RoutingSnapshot): ReadonlyMap<Sharing, number> {
  const counts = new Map<Sharing, number>([
    ["shared", 0],
    ["new", 0],
    ["slow", 0],
    ["distrusted", 0],
  ]);
  for (const upstream of now.upstreamsBySeat)
    if (upstream !== undefined) counts.set(upstream.sharing, (counts.get(upstream.sharing) ?? 0) + 1);
  return counts;
}
