// A replica's weight: its share of the work relative to the others. Which values are accepted, wherever one is given.
import { RoundhouseError } from "../errors.ts";

/** Far enough apart for any fleet, and near enough that ketama's points per weight stay affordable. */
const least = 0.001;
const most = 1000;

export function isWeight(value: unknown): value is number {
  return typeof value === "number" && value >= least && value <= most;
}

/** For messages. */
export const weightsAccepted = `a number from ${least} to ${most}`;

/** Throws BAD_REQUEST. */
export function checkWeight(name: string, weight: unknown): asserts weight is number {
  if (isWeight(weight)) return;
  const seen = typeof weight === "number" ? String(weight) : (JSON.stringify(weight) ?? "nothing");
  throw new RoundhouseError(
    "BAD_REQUEST",
    `Cannot give replica "${name}" the weight ${seen.slice(0, 80)}: it must be ${weightsAccepted}; remove the replica to send it nothing`,
    { source: "downstream" },
  );
}
