// Adding and removing replicas when somebody asks for it, over the front port or the admin listener: one change after
// another, and not so many at once that nobody knows what will come of them. What is asked for is replica-request.ts.
import { setTimeout } from "node:timers/promises";
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { ReplicaRequest, ReplicaVerb } from "./replica-request.ts";

export type ControlledFleet = Pick<Fleet, "replicas" | "serving" | "add" | "remove">;

/**
 * Resolves when the change is made: what was added is in the ring, what was removed is out of it. Rejects as
 * {@link Fleet.add} and {@link Fleet.remove} do, and with UNREACHABLE when too many changes wait.
 */
export type ChangeReplicas = (verb: ReplicaVerb, request: ReplicaRequest) => Promise<void>;

/** Changes that wait for the one under way, and it; more → 503. */
const changesMax = 32;
/** How long a change may wait for its turn. */
const turnMsMax = 20_000;
/** How long an addition waits for the last bearer of a name to be gone, and how often it looks. */
const nameWaitMs = 10_000;
const namePollMs = 20;

/** @param closing true once we are shutting down: then replicas are not changed any more */
export function createReplicaChanges(fleet: ControlledFleet, closing: () => boolean): ChangeReplicas {
  const inTurn = createQueue();
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

/**
 * Runs tasks one after another. Refuses one when too many wait already, or when its turn does not come in time: the
 * data plane would answer for it with 504 before it was done.
 */
function createQueue(): (task: () => Promise<void>) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let changes = 0;
  return async (task) => {
    if (changes >= changesMax) throw busy(`${changes} changes wait already`);
    changes += 1;
    const asked = Date.now();
    const turn = last.then(() => {
      const waitedMs = Date.now() - asked;
      if (waitedMs > turnMsMax) throw busy(`Earlier changes took ${waitedMs} ms`);
      return task();
    });
    last = turn
      .catch(() => {})
      .finally(() => {
        changes -= 1;
      });
    return turn;
  };
}

function busy(why: string): RoundhouseError {
  return new RoundhouseError("UNREACHABLE", `${why}, and nothing was changed; try again later`, {
    retryable: true,
  });
}
