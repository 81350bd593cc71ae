// The policies by name.
import { type HashingParts, hashing } from "./hashing.ts";
import { leastRequest } from "./least-request.ts";
import type { Policy } from "./roster.ts";
import { roundRobin } from "./round-robin.ts";
import { twoChoices } from "./two-choices.ts";

export type PolicyName = "hash" | "round-robin" | "least-request" | "p2c";

/** A policy of one's own: round robin remembers whose turn it is. */
export function policyNamed(name: PolicyName, parts: HashingParts): Policy {
  switch (name) {
    case "hash":
      return hashing(parts);
    case "round-robin":
      return roundRobin();
    case "least-request":
      return leastRequest();
    case "p2c":
      return twoChoices();
  }
}
