// Who may change the number of replicas, joined: the autoscaler, if there is one, and people, within its bounds.

import type { Running } from "./apply-config.ts";
import { type Autoscaler, createAutoscaler } from "./autoscaler.ts";
import { boundedChanges } from "./bounded-changes.ts";
import type { DataPlane } from "./data-plane.ts";
import { savedChanges } from "./desired-state.ts";
import { createLoadMeter } from "./load-meter.ts";
import type { ControlledFleet } from "./replica-changes.ts";
import type { Crew } from "./workers/crew.ts";

/** In flight is looked at so often; with workers each look is a message to all of them. In ms. */
const sampleEveryMs = 100;
const gatherEveryMs = 250;

/** @param crew null: this process serves by itself */
export function scaleWithLoad(
  house: Running,
  dataPlane: DataPlane,
  crew: Crew | null,
  closing: () => boolean,
): Autoscaler {
  const { fleet, settings, state, inTurn, log } = house;
  const averageMs = () => house.settings.autoscale?.averageMs ?? 0;
  return createAutoscaler({
    settings: settings.autoscale,
    fleet,
    meter: createLoadMeter({ fleet, dataPlane, gather: crew?.gather, averageMs }),
    inTurn,
    saved: state.save,
    closing,
    sampleEveryMs: crew === null ? sampleEveryMs : gatherEveryMs,
    log,
  });
}

/** The fleet as `/add` and `/rm` may change it: within autoscale's bounds, and on disk when it is answered. */
export function changedByHand(house: Running): ControlledFleet {
  const { fleet, state } = house;
  const { replicas, serving } = fleet;
  const bounded = boundedChanges(fleet, () => house.settings.autoscale);
  return savedChanges({ replicas, serving, ...bounded }, state);
}
