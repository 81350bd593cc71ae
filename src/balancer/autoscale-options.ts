// The defaults of autoscale, and why they are what they are; what cannot be meant is refused here. What each setting
// means is in fleet/autoscale.ts.
import { RoundhouseError } from "../errors.ts";
import type { AutoscalePolicy } from "../fleet/autoscale.ts";
import type { AutoscaleTargets } from "../fleet/load-opinions.ts";
import type { Config } from "./config.ts";
import type { RoomLimits } from "./waiting-room.ts";

export interface AutoscaleSettings extends AutoscalePolicy {
  /** From one reading to the next. */
  readonly intervalMs: number;
  /** Over how much time figures are averaged. */
  readonly averageMs: number;
  /** Where requests wait while there are no replicas; null: with min above 0 there always are. */
  readonly room: RoomLimits | null;
}

/** Requests that may wait while there are no replicas, in all workers together. */
export const heldMaxDefault = 1_024;

type AutoscaleConfig = Pick<
  Config,
  "autoscale" | "replicas" | "replicasMax" | "warm" | "launcher" | "upstreams"
>;

/** Null: the count changes only when somebody says so. Throws BAD_CONFIG, in words. */
export function settleAutoscale(config: AutoscaleConfig, ringCapacity: number): AutoscaleSettings | null {
  const { autoscale } = config;
  if (autoscale === undefined) return null;
  const { min = 1, max } = autoscale;
  if (max === undefined)
    throw refused(
      "Autoscale needs to know how many replicas there may be: --autoscale 1..8, or autoscale.max",
    );
  const targets = targetsOf(autoscale.targets ?? {});
  checkBounds(config, min, max, ringCapacity);
  checkTargets(targets, max);
  const { zero = {} } = autoscale;
  return {
    min,
    max,
    targets,
    toleranceRatio: autoscale.toleranceRatio ?? 0.1,
    stepRatioMax: autoscale.stepRatioMax ?? 2,
    // As long as figures are averaged: what is decided next is decided by what the newcomers have changed.
    upCooldownMs: autoscale.upCooldownMs ?? 5_000,
    downCooldownMs: autoscale.downCooldownMs ?? 15_000,
    // Kubernetes waits five minutes; a process starts in a fraction of the time that a pod takes.
    stabilizationMs: autoscale.stabilizationMs ?? 60_000,
    idleMs: zero.idleMs ?? 300_000,
    intervalMs: autoscale.intervalMs ?? 1_000,
    averageMs: autoscale.averageMs ?? 5_000,
    room: min > 0 ? null : { heldMax: zero.heldMax ?? heldMaxDefault, waitMs: zero.waitMs ?? 30_000 },
  };
}

/** How many replicas to begin with, when the configuration does not say. */
export function firstCount({ min = 1 }: NonNullable<Config["autoscale"]>): number {
  return Math.max(1, min);
}

function targetsOf(targets: NonNullable<NonNullable<Config["autoscale"]>["targets"]>): AutoscaleTargets {
  const entries = Object.entries(targets).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as AutoscaleTargets;
}

function checkBounds(config: AutoscaleConfig, min: number, max: number, ringCapacity: number): void {
  const { replicas, replicasMax, warm = 0, launcher, upstreams } = config;
  if (launcher === "static" || upstreams !== undefined)
    throw refused(
      "Autoscale starts and stops replicas, and --upstream names servers that somebody else runs",
    );
  if (min > max) throw refused(`Autoscale has min ${min} and max ${max}; min may be from 0 to max`);
  if (replicasMax !== undefined && max > replicasMax)
    throw refused(`Autoscale has max ${max}, and replicasMax is ${replicasMax}; raise that, or lower this`);
  if (max > ringCapacity)
    throw refused(`Autoscale has max ${max}, and the placement's table holds ${ringCapacity}`);
  if (replicas !== undefined && (replicas < min || replicas > max))
    throw refused(`There cannot be ${replicas} replicas to begin with: autoscale keeps ${min} to ${max}`);
  if (min === 0 && warm > 0)
    throw refused(
      `Autoscale with min 0 keeps nothing running, and warm keeps ${warm}; leave warm out, or set min to 1`,
    );
}

function checkTargets(targets: AutoscaleTargets, max: number): void {
  if (Object.keys(targets).length > 0 || max <= 1) return;
  throw refused(
    "Autoscale needs at least one target for a replica: --target-in-flight, --target-rps, --target-p95-ms or --target-cpu",
  );
}

function refused(message: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream" });
}
