// What callers ask of a fleet, each request from its check to its outcome: may it be (requests.ts, rollout-report.ts),
// the event that asks for it, what came of it, and the words when it failed. How it comes about is the lifecycle's.
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "./fleet.ts";
import type { Launcher } from "./launcher.ts";
import { checkAdd, checkRemove, checkWeigh, type FleetBounds } from "./requests.ts";
import { checkRestart, checkRollout, planOf, rolloutReport } from "./rollout-report.ts";
import type { RunningLifecycle } from "./running-lifecycle.ts";
import { holders } from "./state.ts";

/** Each as {@link Fleet} has it. */
export type FleetChanges = Pick<
  Fleet,
  "add" | "remove" | "setWeight" | "restart" | "rollOut" | "abortRollout"
>;

/** @param bounds as they are now: a reload changes them */
export function createFleetChanges(
  lifecycle: RunningLifecycle,
  launcher: Launcher,
  bounds: () => FleetBounds,
): FleetChanges {
  let last: Promise<unknown> = Promise.resolve();
  /** Replicas are added and removed one request after another. */
  function inOrder<T>(change: () => Promise<T>): Promise<T> {
    const mine = last.then(change);
    last = mine.catch(() => {});
    return mine;
  }

  function refuseWhenStopping(): void {
    if (!lifecycle.state.stopping) return;
    throw new RoundhouseError("SHUTTING_DOWN", "The fleet stops: replicas can no longer be added or removed");
  }

  async function add(count: number, names: readonly string[]): Promise<void> {
    refuseWhenStopping();
    checkAdd(lifecycle.state, count, names, bounds());
    const { outcome, reason } = await lifecycle.settle((batch) => ({ type: "add", batch, count, names }));
    if (outcome === "healthy") return;
    const code = outcome === "timeout" ? "TIMEOUT" : outcome === "failed" ? "START_FAILED" : "SHUTTING_DOWN";
    throw new RoundhouseError(
      code,
      `Cannot add ${count} ${count === 1 ? "replica" : "replicas"}: ${reason}; what was started has been stopped`,
      { retryable: code !== "SHUTTING_DOWN" },
    );
  }

  async function remove(count: number, names: readonly string[]): Promise<void> {
    refuseWhenStopping();
    checkRemove(lifecycle.state, count, names);
    lifecycle.dispatch({ type: "remove", count, names });
  }

  async function restart(name: string): Promise<string> {
    refuseWhenStopping();
    checkRestart(lifecycle.state, launcher, name);
    const seat = holders(lifecycle.state).find((life) => life.name === name)?.seat;
    const { outcome, reason } = await lifecycle.settle((batch) => ({ type: "renew", batch, name }));
    const holder = holders(lifecycle.state).find((life) => life.seat === seat);
    if (outcome === "healthy" && holder !== undefined) return holder.name;
    const code = outcome === "stopping" ? "SHUTTING_DOWN" : "START_FAILED";
    throw new RoundhouseError(code, `Cannot restart "${name}": ${reason}; it was left as it is`, {
      retryable: code === "START_FAILED",
    });
  }

  return {
    add: (count, names) => inOrder(() => add(count, names)),
    remove: (count, names) => inOrder(() => remove(count, names)),
    setWeight(name, weight) {
      refuseWhenStopping();
      checkWeigh(lifecycle.state, name, weight);
      lifecycle.dispatch({ type: "weigh", name, weight });
    },
    restart,
    rollOut(change, plan) {
      refuseWhenStopping();
      checkRollout(lifecycle.state, launcher, change);
      lifecycle.dispatch({ type: "rollout", change, plan: planOf(lifecycle.state, plan) });
      return rolloutReport(lifecycle.state);
    },
    abortRollout() {
      if (lifecycle.state.rollout === null) throw noRollout();
      lifecycle.dispatch({ type: "abort", reason: "it was aborted" });
      return rolloutReport(lifecycle.state);
    },
  };
}

function noRollout(): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", "There is no roll-out to abort: none is under way", {
    source: "downstream",
  });
}
