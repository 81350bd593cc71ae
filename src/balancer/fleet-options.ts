// From the configuration to the fleet's options.
import type { FleetLog, FleetOptions } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import { firstCount } from "./autoscale-options.ts";
import { type FrontDoorOptions, present } from "./options.ts";

/** @param capacity how many servers the ring holds */
export function fleetOptions(
  options: FrontDoorOptions,
  capacity: number,
  { launcher, log }: { readonly launcher: Launcher; readonly log: FleetLog },
): FleetOptions & { readonly replicaCount: number } {
  // Servers that somebody else runs: all of them, and never more.
  const given = launcher.fixed ? launcher.capacity : undefined;
  const { autoscale, warm, maxRssBytes, drainMs, startDeadlineMs } = options;
  return {
    launcher,
    log,
    replicaCount: replicasAskedFor(options, given),
    replicasMax: options.replicasMax ?? Math.max(64, given ?? 0, autoscale?.max ?? 0),
    heartbeat: { ...builtInHeartbeat(options), ...present(options.heartbeat ?? {}) },
    ...present({ warm, maxRssBytes, drainMs, startDeadlineMs, capacity }),
  };
}

/** @param given how many servers somebody else runs, if so */
export function replicasAskedFor({ replicas, autoscale }: FrontDoorOptions, given?: number): number {
  return replicas ?? given ?? (autoscale === undefined ? 3 : firstCount(autoscale));
}

/** The built-in server promises 200; of somebody else's any answer below 500 means that it lives. */
function builtInHeartbeat({ command, upstreams, image }: FrontDoorOptions): { expect: "200" | "below-500" } {
  const builtIn = command === undefined && upstreams === undefined && image === undefined;
  return { expect: builtIn ? "200" : "below-500" };
}
