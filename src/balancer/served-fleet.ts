// What a routing table follows: the part of a fleet that those who route see. Not the fleet itself, which starts and
// stops replicas and may be in another process.
import type { Fleet } from "../fleet/fleet.ts";
import { createUpstream, type Upstream } from "../proxy/upstream.ts";
import type { Log } from "../telemetry/log.ts";
import type { FrontDoorSettings } from "./options.ts";
import { createRingKeeper } from "./ring-keeper.ts";
import { createRoutingTable, type RoutingTable } from "./routing-table.ts";

export type ServedFleet = Pick<Fleet, "serving" | "onChange" | "suspect" | "desiredCount">;

/** Told of each upstream that is made for a replica, or leaves it. */
export interface UpstreamsFollowed {
  joined(upstream: Upstream): void;
  left(upstream: Upstream): void;
}

/** A routing table that follows the fleet from now on. */
export function joinFleet(
  fleet: ServedFleet,
  { emptyRing, labelOf, loadFactor }: Pick<FrontDoorSettings, "emptyRing" | "labelOf" | "loadFactor">,
  log: Pick<Log, "error">,
  { joined, left }: UpstreamsFollowed,
): RoutingTable {
  const refused = (error: unknown) =>
    log.error({ event: "ring" }, `The ring was not changed: ${(error as Error).message}`);
  const table = createRoutingTable({
    ring: createRingKeeper({ ring: emptyRing, refused, labelOf }),
    loadFactor,
    serving: () => fleet.serving(),
    createUpstream: (name, address) => createUpstream({ name, address }),
    joined,
    left,
  });
  fleet.onChange(table.apply);
  return table;
}
