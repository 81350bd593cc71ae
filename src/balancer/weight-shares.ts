// What stands in for the ring where no key decides: it never changes, and a replica's share is its part of the weights.
import type { Replica } from "../fleet/fleet.ts";
import type { Ring } from "../ring/ring.ts";
import type { RingKeeper } from "./ring-keeper.ts";

/** @param ring an empty one, for those who look into it */
export function sharesByWeight(ring: Ring): RingKeeper {
  let serving: readonly Replica[] = [];
  return {
    current: ring,
    changes: 0,
    approach: (replicas) => {
      serving = replicas;
      return false;
    },
    shares: () => {
      const total = serving.reduce((sum, { weight }) => sum + weight, 0);
      return new Map(serving.map(({ seat, weight }) => [seat, weight / total]));
    },
    slotsMoved: () => 0,
  };
}
