// The fleet as a worker knows it: what the control plane last said. It decides nothing; what a request shows about a
// replica is sent back.
import type { FleetChange, Replica } from "../../fleet/fleet.ts";
import type { ServedFleet } from "../served-fleet.ts";
import type { ServedNow } from "./messages.ts";

export interface Mirror extends ServedFleet {
  /** Those who serve when the worker begins. */
  start(now: ServedNow): void;
  /** `now` is null when more changes follow in the same turn. */
  take(replica: Replica, now: ServedNow | null): void;
}

export function createMirror(suspect: ServedFleet["suspect"]): Mirror {
  const listeners: ((change: FleetChange) => void)[] = [];
  let now: ServedNow = { serving: [], desiredCount: 0 };

  function tell(replica: Replica, more: boolean): void {
    // Nobody who routes asks what a replica was before.
    for (const listener of listeners) listener({ replica, from: null, more });
  }

  return {
    serving: () => now.serving,
    get desiredCount() {
      return now.desiredCount;
    },
    onChange: (listener) => void listeners.push(listener),
    suspect,
    start: (first) => {
      now = first;
      first.serving.forEach((replica, at) => {
        tell(replica, at < first.serving.length - 1);
      });
    },
    take: (replica, next) => {
      now = next ?? now;
      tell(replica, next === null);
    },
  };
}
