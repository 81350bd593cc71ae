// A roll-out seen from outside: may it begin, by which plan, and how far is it? Pure. What it does is in rollout.ts.
import { RoundhouseError } from "../errors.ts";
import type { Launcher, Program } from "./launcher.ts";
import { programText, type RolloutPlan, type RolloutReport, type StoredRevisions } from "./revision.ts";
import { type FleetState, holders, understudiesOf } from "./state.ts";

/** Throws BAD_REQUEST, in words. */
export function checkRollout(state: FleetState, { fixed, runs = [] }: Launcher, change: Program): void {
  if (fixed) throw refused("Cannot roll out: these servers are run by somebody else");
  if (state.rollout !== null) {
    const { to, phase } = state.rollout;
    const way = phase === "back" ? "is being taken back" : "is under way";
    throw refused(
      `Cannot roll out: the roll-out of revision ${to.number} (${programText(to.program)}) ${way}; wait for its end, or abort it`,
    );
  }
  for (const part of ["image", "command"] as const) {
    if (change[part] === undefined || runs.includes(part)) continue;
    const accepted = runs.length === 0 ? "nothing else" : `another ${runs.join(" or ")}`;
    throw refused(`Cannot roll out another ${part}: this launcher can run ${accepted}`);
  }
}

/** Throws BAD_REQUEST or NOT_FOUND, in words. */
export function checkRestart(state: FleetState, { fixed }: Launcher, name: string): void {
  if (fixed) throw refused(`Cannot restart "${name}": these servers are run by somebody else`);
  const life = holders(state).find((each) => each.name === name);
  if (life === undefined) {
    const names = holders(state).map((each) => each.name);
    const there = names.length === 0 ? "are none at all" : `are ${names.slice(0, 10).join(", ")}`;
    throw new RoundhouseError(
      "NOT_FOUND",
      `Cannot restart replica "${name}": there is none of that name; there ${there}`,
      { source: "downstream" },
    );
  }
  if (life.batch > 0) throw refused(`Cannot restart "${name}": it is being added just now`);
  const other = understudiesOf(state).find(({ relieves, renewal }) => relieves === life.seat && renewal > 0);
  if (other !== undefined) throw refused(`Cannot restart "${name}": ${other.name} is about to take its seat`);
}

/** What is not said has its default. */
export function planOf(state: FleetState, plan: Partial<RolloutPlan>): RolloutPlan {
  return {
    batch: plan.batch ?? Math.max(1, Math.floor(holders(state).length / 4)),
    settleMs: plan.settleMs ?? 1_000,
    deadlineMs: plan.deadlineMs ?? state.policy.startDeadlineMs,
  };
}

export function rolloutReport(state: FleetState): RolloutReport {
  const { rollout, pastRollout, revision } = state;
  const last = rollout ?? pastRollout;
  const wanted = rollout?.phase === "forward" ? rollout.to.number : revision.number;
  return {
    state: rollout?.phase ?? pastRollout?.outcome ?? "none",
    current: revision,
    next: last?.to ?? null,
    plan: last?.plan ?? null,
    seats: holders(state).length,
    done: holders(state).filter((life) => life.revision === wanted && life.watchedUntilMs === 0).length,
    reason: last?.reason ?? "",
    startedMs: last?.startedMs ?? null,
    endedMs: rollout === null ? (pastRollout?.endedMs ?? null) : null,
  };
}

export function storedRevisions({ revision, lastRevision, rollout }: FleetState): StoredRevisions {
  if (rollout === null) return { revision, lastRevision, rollout };
  const { to, plan, phase, reason, startedMs } = rollout;
  return { revision, lastRevision, rollout: { to, plan, phase, reason, startedMs } };
}

function refused(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}
