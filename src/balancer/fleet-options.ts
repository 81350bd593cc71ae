// From the configuration to the fleet's options.
import type { FleetOptions } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import type { Log } from "../telemetry/log.ts";
import { type FrontDoorOptions, present } from "./options.ts";

/** @param capacity how many servers the ring holds */
export function fleetOptions(
  options: FrontDoorOptions,
  capacity: number,
  { launcher, log }: { readonly launcher: Launcher; readonly log: Log },
): FleetOptions & { readonly replicaCount: number } {
  // Servers that somebody else runs: all of them, and never more.
  const given = launcher.fixed ? launcher.capacity : undefined;
  const { warm, maxRssBytes, drainMs, startDeadlineMs } = options;
  return {
    launcher,
    log,
    replicaCount: options.replicas ?? given ?? 3,
    replicasMax: options.replicasMax ?? Math.max(64, given ?? 0),
    heartbeat: { ...builtInHeartbeat(options), ...present(options.heartbeat ?? {}) },
    ...present({ warm, maxRssBytes, drainMs, startDeadlineMs, capacity }),
  };
}

/** The built-in server promises 200; of somebody else's any answer below 500 means that it lives. */
function builtInHeartbeat({ command, upstreams, image }: FrontDoorOptions): { expect: "200" | "below-500" } {
  const builtIn = command === undefined && upstreams === undefined && image === undefined;
  return { expect: builtIn ? "200" : "below-500" };
}
