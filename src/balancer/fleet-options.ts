// From the configuration to the fleet's options.
import type { FleetOptions } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import type { Log } from "../telemetry/log.ts";
import { type FrontDoorOptions, present } from "./options.ts";

export function fleetOptions(
  options: FrontDoorOptions,
  { launcher, log }: { readonly launcher: Launcher; readonly log: Log },
): FleetOptions {
  // Servers that somebody else runs: all of them, and never more.
  const given = launcher.fixed ? launcher.capacity : undefined;
  const { warm, maxRssBytes, drainMs, startDeadlineMs } = options;
  return {
    launcher,
    log,
    replicaCount: options.replicas ?? given ?? 3,
    replicasMax: options.replicasMax ?? Math.max(64, given ?? 0),
    heartbeat: { ...builtInHeartbeat(options), ...present(options.heartbeat ?? {}) },
    ...present({ warm, maxRssBytes, drainMs, startDeadlineMs, capacity: capacityOf(options) }),
  };
}

/** The built-in server promises 200; of somebody else's any answer below 500 means that it lives. */
function builtInHeartbeat({ command, upstreams }: FrontDoorOptions): { expect: "200" | "below-500" } {
  return { expect: command === undefined && upstreams === undefined ? "200" : "below-500" };
}

/** `assignment` gives each server 9 slots of its own: 56 servers fill 512. */
function capacityOf({ hash, slots = 512 }: FrontDoorOptions): number | undefined {
  return hash === "assignment" ? Math.floor(slots / 9) : undefined;
}
