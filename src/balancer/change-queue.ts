// The one way in which the number of replicas changes: `/add`, `/rm`, a reload and the autoscaler all wait here, and one
// change after another is carried out. Whoever decides by what there is finds, when its turn comes, nobody in the midst
// of another change.
import { RoundhouseError } from "../errors.ts";

export type ChangeQueue = <Result>(task: () => Promise<Result>) => Promise<Result>;

/** Changes that wait for the one under way, and it; more → 503. */
const changesMax = 32;
/** How long a change may wait for its turn. */
const turnMsMax = 20_000;

/**
 * Runs tasks one after another. Refuses one when too many wait already, or when its turn does not come in time: the
 * data plane would answer for it with 504 before it was done.
 */
export function createChangeQueue(): ChangeQueue {
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
