// Adding and removing replicas when somebody asks for it, over the front port or the admin listener, when its turn
// comes (change-queue.ts). What is asked for is replica-request.ts.
import { setTimeout } from "node:timers/promises";
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { ChangeQueue } from "./change-queue.ts";
import type { ReplicaRequest, ReplicaVerb } from "./replica-request.ts";

export type ControlledFleet = Pick<Fleet, "replicas" | "serving" | "add" | "remove">;

/**
 * Resolves when the change is made: what was added is in the ring, what was removed is out of it. Rejects as
 * {@link Fleet.add} and {@link Fleet.remove} do, and with UNREACHABLE when too many changes wait.
 */
export type ChangeReplicas = (verb: ReplicaVerb, request: ReplicaRequest) => Promise<void>;

/** How long an addition waits for the last bearer of a name to be gone, and how often it looks. */
const nameWaitMs = 10_000;
const namePollMs = 20;

/** @param closing true once we are shutting down: then replicas are not changed any more */
export function createReplicaChanges(
  fleet: ControlledFleet,
  inTurn: ChangeQueue,
  closing: () => boolean,
): ChangeReplicas {
  return (verb, { count, names }) =>
    inTurn(async () => {
      if (verb === "add") await untilFree(fleet, names, closing);
      if (closing()) throw new RoundhouseError("SHUTTING_DOWN", "The front door is shutting down");
      return verb === "add" ? fleet.add(count, names) : fleet.remove(count, names);
    });
}

/** A name that was removed may be given again, once its last bearer has drained and stopped. */
async function untilFree(
  fleet: ControlledFleet,
  names: readonly string[],
  closing: () => boolean,
): Promise<void> {
  const deadlineMs = Date.now() + nameWaitMs;
  const leaving = () =>
    fleet
      .replicas()
      .some(({ name, state }) => (state === "draining" || state === "dead") && names.includes(name));
  while (leaving() && !closing() && Date.now() < deadlineMs) await setTimeout(namePollMs);
}
