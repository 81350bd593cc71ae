// When requests are due, and how many users there are: stages, one after the other, each with a straight line from the
// last stage's level to its own. In the open model the level is a rate (requests come whether or not earlier ones were
// answered); in the closed model it is a number of users, each of whom asks again when answered.
import { RoundhouseError } from "../errors.ts";
import type { Random } from "./random.ts";

export interface Stage {
  readonly seconds: number;
  /** Requests/s or users at its end; the level at its beginning is the end of the one before. */
  readonly level: number;
}

/** A stage with its place in time, for look-ups. */
interface Ramp {
  readonly fromS: number;
  readonly seconds: number;
  readonly from: number;
  readonly to: number;
  /** Requests due before it begins. */
  readonly before: number;
}

export interface Plan {
  readonly seconds: number;
  /** The level at this time. */
  level(atS: number): number;
  /** Open model: when the request is due by which `count` requests are due, in seconds; null when it is beyond the end. */
  dueS(count: number): number | null;
}

/** The first stage begins at its own level: `10s:100` alone is a constant rate. */
export function createPlan(stages: readonly Stage[]): Plan {
  const ramps: Ramp[] = [];
  let fromS = 0;
  let before = 0;
  let from = stages[0]?.level ?? 0;
  for (const { seconds, level } of stages) {
    ramps.push({ fromS, seconds, from, to: level, before });
    fromS += seconds;
    before += ((from + level) / 2) * seconds;
    from = level;
  }
  const total = before;
  const seconds = fromS;
  return {
    seconds,
    level: (atS) => {
      const ramp = ramps.findLast(({ fromS: start }) => start <= atS) ?? ramps[0];
      if (ramp === undefined) return 0;
      const part = Math.min(1, (atS - ramp.fromS) / ramp.seconds);
      return ramp.from + (ramp.to - ramp.from) * part;
    },
    dueS: (count) => {
      if (count >= total) return null;
      const ramp = ramps.findLast(({ before: earlier }) => earlier <= count) as Ramp;
      return ramp.fromS + timeFor(count - ramp.before, ramp);
    },
  };
}

/** Solves from·t + slope·t²/2 = count for t, in the form that loses no digits when the slope is small. */
function timeFor(count: number, { from, to, seconds }: Ramp): number {
  const slope = (to - from) / seconds;
  const root = Math.sqrt(Math.max(0, from * from + 2 * slope * count));
  return count === 0 ? 0 : (2 * count) / (from + root);
}

/** The times at which requests are due: evenly spread, or by chance as independent clients come (Poisson). */
export function createArrivals(plan: Plan, spacing: "even" | "poisson", random: Random): () => number | null {
  let count = 0;
  return () => {
    count += spacing === "even" ? 1 : -Math.log(1 - random());
    return plan.dueS(spacing === "even" ? count - 1 : count);
  };
}

/** `10s:100,30s:500`: for 10 s at 100, then in 30 s to 500. Throws BAD_CONFIG. */
export function parseStages(text: string): readonly Stage[] {
  return text.split(",").map((part) => {
    const found = /^(\d+(?:\.\d+)?)(ms|s|m):(\d+(?:\.\d+)?)$/.exec(part.trim());
    const seconds = Number(found?.[1]) * (found?.[2] === "ms" ? 0.001 : found?.[2] === "m" ? 60 : 1);
    if (found !== null && seconds > 0) return { seconds, level: Number(found[3]) };
    throw new RoundhouseError(
      "BAD_CONFIG",
      `A stage is "${part}"; accepted: a duration and the level at its end, such as 10s:100 or 2m:500, several with commas`,
      { source: "downstream" },
    );
  });
}
