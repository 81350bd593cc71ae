// The fleet with a memory: it starts with what the state file says there should be, and the file follows it.
import { createFleet } from "../fleet/create-fleet.ts";
import type { DesiredReplica, Fleet, FleetOptions } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import type { Log } from "../telemetry/log.ts";
import type { Config } from "./config.ts";
import { createDesiredState, type DesiredState, replicasToStart, unkept } from "./desired-state.ts";
import { fleetOptions } from "./fleet-options.ts";
import { revisionsToKeep, revisionsToStart } from "./kept-revisions.ts";
import type { Steering } from "./policies/steering.ts";
import type { RoutingTable } from "./routing-table.ts";
import { readStateFile, type StoredState, type writeStateFile } from "./state-file.ts";

export interface KeptFleet {
  readonly fleet: Fleet;
  readonly state: DesiredState;
  /** What was switched before the last stop; null: nothing. */
  readonly steering: NonNullable<StoredState["steering"]> | null;
  /** From now on the file follows this steering too. */
  steeredBy(table: Pick<RoutingTable, "current">): void;
}

export interface KeptFleetParts {
  readonly launcher: Launcher;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  /** What lies outside the program; default: the real one. */
  readonly world?: {
    readonly readFile: typeof readStateFile;
    readonly writeFile: typeof writeStateFile;
    readonly fleet: Pick<FleetOptions, "probe" | "entropy">;
  };
}

/**
 * Starts nothing yet. Throws BAD_CONFIG, in words.
 *
 * @param capacity how many servers the ring holds
 * @param current the configuration as a reload has last changed it
 */
export function createKeptFleet(
  config: Config,
  capacity: number,
  parts: KeptFleetParts,
  current: () => Config,
): KeptFleet {
  const options = fleetOptions(config, capacity, parts);
  const { readFile = readStateFile, writeFile, fleet: seams } = parts.world ?? {};
  const stored = config.state === undefined ? null : readFile(config.state);
  const before = stored ?? parts.launcher.found;
  const replicas = before === undefined ? undefined : replicasToStart(before, options.replicaCount, config);
  const revisions = stored === null ? undefined : revisionsToStart(config, stored);
  const fleet = createFleet({ ...options, ...seams, replicas, revisions });
  if (config.state === undefined) return { fleet, state: unkept, steering: null, steeredBy: () => {} };
  const stands = stored?.steering ?? null;
  let steering = () => stands;
  const read = () => {
    const steered = steering();
    const revisions = revisionsToKeep(current(), fleet.revisions());
    return {
      replicasConfigured: fleetOptions(current(), capacity, parts).replicaCount,
      replicas: fleet.desired().map((replica) => withoutGiven(replica, fleet, parts.launcher)),
      ...(revisions === undefined ? {} : { revisions }),
      ...(steered === null ? {} : { steering: steered }),
    };
  };
  return {
    fleet,
    state: createDesiredState(config.state, read, parts.log, writeFile),
    steering: stands,
    steeredBy: (table) => {
      steering = () => withoutSteeringGiven(table.current.steering, current());
    },
  };
}

/** A weight that the configuration gives is not kept: there it can be changed for the next start. */
function withoutGiven(replica: Required<DesiredReplica>, fleet: Fleet, launcher: Launcher) {
  const { name, seat, weight, revision } = replica;
  return {
    name,
    seat,
    ...(weight === (launcher.weightOf?.(seat) ?? 1) ? {} : { weight }),
    ...(revision === fleet.revisions().revision.number ? {} : { revision }),
  };
}

/** Null when it is what the configuration says: there it can be changed for the next start. */
function withoutSteeringGiven({ loadFactor, spreads }: Steering, { boundedLoad }: Config) {
  const given = typeof boundedLoad === "number" ? boundedLoad : null;
  if (loadFactor === given && spreads.length === 0) return null;
  return { loadFactor, spreads: [...spreads] };
}
