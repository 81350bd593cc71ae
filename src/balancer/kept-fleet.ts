// The fleet with a memory: it starts with what the state file says there should be, and the file follows it.
import { createFleet } from "../fleet/create-fleet.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import type { Log } from "../telemetry/log.ts";
import type { Config } from "./config.ts";
import { createDesiredState, type DesiredState, replicasToStart, unkept } from "./desired-state.ts";
import { fleetOptions } from "./fleet-options.ts";
import { readStateFile } from "./state-file.ts";

interface KeptFleet {
  readonly fleet: Fleet;
  readonly state: DesiredState;
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
  parts: { readonly launcher: Launcher; readonly log: Log },
  current: () => Config,
): KeptFleet {
  const options = fleetOptions(config, capacity, parts);
  if (config.state === undefined) return { fleet: createFleet(options), state: unkept };
  const stored = readStateFile(config.state);
  const replicas = stored === null ? undefined : replicasToStart(stored, options.replicaCount);
  const fleet = createFleet({ ...options, replicas });
  const read = () => ({
    replicasConfigured: fleetOptions(current(), capacity, parts).replicaCount,
    replicas: fleet.desired().map((replica) => withoutGivenWeight(replica, parts.launcher)),
  });
  return { fleet, state: createDesiredState(config.state, read, parts.log) };
}

/** A weight that the configuration gives is not kept: there it can be changed for the next start. */
function withoutGivenWeight(replica: { name: string; seat: number; weight: number }, launcher: Launcher) {
  const { name, seat, weight } = replica;
  return weight === (launcher.weightOf?.(seat) ?? 1) ? { name, seat } : { name, seat, weight };
}
