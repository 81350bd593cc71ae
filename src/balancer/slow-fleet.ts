// A fleet as those who route see it while newcomers start slowly: the same replicas, with the weights that count now.
// Each step of a ramp is told like any other change of the fleet, so that there is one way in which weights change.
import type { FleetChange, Replica } from "../fleet/fleet.ts";
import type { ServedFleet } from "./served-fleet.ts";
import { fractionOf, isRamping, nextStepMs, type Ramps, rampsOf } from "./slow-start.ts";

export interface SlowFleet extends ServedFleet {
  /** Who serves by then counts in full: the first replicas start together, with no others to take the load. */
  begin(): void;
  /** No further steps. */
  close(): void;
}

export function slowlyStarting(
  fleet: ServedFleet,
  windowMs: number,
  clockMs: () => number = () => performance.now(),
): SlowFleet {
  let ramps: Ramps = { windowMs: 0, beganMs: new Map() };
  let timer: NodeJS.Timeout | undefined;
  const listeners: ((change: FleetChange) => void)[] = [];

  const weighed = (replica: Replica): Replica => {
    const fraction = fractionOf(ramps, replica.name, clockMs());
    return fraction === 1 ? replica : { ...replica, weight: replica.weight * fraction };
  };

  function follow(): void {
    ramps = rampsOf(
      ramps,
      fleet.serving().map(({ name }) => name),
      clockMs(),
    );
  }

  function tell(change: FleetChange): void {
    for (const listener of listeners) listener({ ...change, replica: weighed(change.replica) });
  }

  function waitForStep(): void {
    clearTimeout(timer);
    const nowMs = clockMs();
    const inMs = nextStepMs(ramps, nowMs) - nowMs;
    if (inMs < Number.POSITIVE_INFINITY) timer = setTimeout(step, Math.ceil(inMs)).unref();
  }

  /** Timers may fire a little early; then nothing has changed, and the rest is waited for. */
  function step(): void {
    const ramping = fleet.serving().filter(({ name }) => isRamping(ramps, name));
    ramping.forEach((replica, index) => {
      tell({ replica, from: replica.state, more: index < ramping.length - 1 });
    });
    follow();
    waitForStep();
  }

  fleet.onChange((change) => {
    follow();
    tell(change);
    if (!change.more) waitForStep();
  });

  return {
    suspect: (name, gone) => fleet.suspect(name, gone),
    get desiredCount() {
      return fleet.desiredCount;
    },
    serving: () => fleet.serving().map(weighed),
    onChange: (listener) => void listeners.push(listener),
    begin: () => {
      ramps = { ...ramps, windowMs };
      follow();
    },
    close: () => clearTimeout(timer),
  };
}
