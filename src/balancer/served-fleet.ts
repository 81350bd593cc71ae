// What a routing table follows: the part of a fleet that those who route see. Not the fleet itself, which starts and
// stops replicas and may be in another process.
import type { Fleet } from "../fleet/fleet.ts";
import { createUpstream, type Upstream } from "../proxy/upstream.ts";
import type { Log } from "../telemetry/log.ts";
import type { FrontDoorSettings } from "./options.ts";
import type { Policy } from "./policies/roster.ts";
import { createRingKeeper } from "./ring-keeper.ts";
import { createRoutingTable, type RoutingTable } from "./routing-table.ts";
import { sharesByWeight } from "./weight-shares.ts";

export type ServedFleet = Pick<Fleet, "serving" | "onChange" | "suspect" | "desiredCount">;

/** Told of each upstream that is made for a replica, or leaves it. */
export interface UpstreamsFollowed {
  joined(upstream: Upstream): void;
  left(upstream: Upstream): void;
}

export interface ServedFleetParts extends UpstreamsFollowed {
  readonly settings: Pick<
    FrontDoorSettings,
    "emptyRing" | "labelOf" | "loadFactor" | "routingPolicy" | "upstreamLimits"
  >;
  readonly policy: Policy;
  readonly log: Pick<Log, "error">;
}

/** A routing table that follows the fleet from now on. */
export function joinFleet(
  fleet: ServedFleet,
  { settings, policy, log, joined, left }: ServedFleetParts,
): RoutingTable {
  const refused = (error: unknown) =>
    log.error({ event: "ring" }, `The ring was not changed: ${(error as Error).message}`);
  const { emptyRing, labelOf } = settings;
  const hashes = settings.routingPolicy === "hash";
  const table = createRoutingTable({
    ring: hashes ? createRingKeeper({ ring: emptyRing, refused, labelOf }) : sharesByWeight(emptyRing),
    policy,
    steering: { loadFactor: settings.loadFactor, spreads: [] },
    serving: () => fleet.serving(),
    createUpstream: (name, address) => createUpstream({ name, address, limits: settings.upstreamLimits }),
    joined,
    left,
  });
  fleet.onChange(table.apply);
  return table;
}
