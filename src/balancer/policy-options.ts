// Which policy was configured, and what goes with it: what only hashing can use is refused beside the others, rather
// than left without effect.
import { RoundhouseError } from "../errors.ts";
import type { Config } from "./config.ts";
import type { PolicyName } from "./policies/named.ts";

export type { PolicyName } from "./policies/named.ts";

const forHashing = ["key", "stickyCookie", "boundedLoad", "hash", "slots", "probing"] as const;

/** Throws BAD_CONFIG, in words. */
export function settlePolicy(options: Config): PolicyName {
  const { policy = "hash" } = options;
  if (policy === "hash") return policy;
  const idle = forHashing.find((name) => options[name] !== undefined && options[name] !== "off");
  if (idle === undefined) return policy;
  throw new RoundhouseError(
    "BAD_CONFIG",
    `With the policy ${policy} the option ${idle} would have no effect, since no key decides where a request goes; leave out ${idle}, or use the policy hash`,
    { source: "downstream" },
  );
}

/** Throws BAD_CONFIG where a part of a weight cannot be had. */
export function settleSlowStart({ hash, policy = "hash", slowStartMs = 0 }: Config): number {
  if (slowStartMs === 0 || policy !== "hash" || hash !== "jump") return slowStartMs;
  throw new RoundhouseError(
    "BAD_CONFIG",
    "slowStartMs needs weights, and the placement jump has none; leave out slowStartMs, or use another placement",
    { source: "downstream" },
  );
}
