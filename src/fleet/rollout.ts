// A roll-out, as part of the lifecycle: seats are changed over to another revision, a few at a time and healthy first.
// It says which revision a seat should have; the rest follows from the state after every event, so that a roll-out
// survives deaths, adds, removals and a restart of the front door. It never changes the number of seats.
//
//            an understudy starts, becomes healthy, stays so for settleMs
//                        │
//   old on its seat ─────┼─▶ understudy takes the seat, old one drains ─▶ watched for settleMs ─▶ next seat
//                        │
//                        └─ does not become healthy, dies, hangs, fails its requests: `back`, and the seats
//                           that were changed over return to the fleet's revision in the same manner
//
// One replica is replaced in the same way when somebody asks for it (`renew`), whatever a roll-out does meanwhile.
import { failedStartsOf } from "./backoff.ts";
import { bear, blame, type Draft, endRenewal, put, retire, seatOn } from "./draft.ts";
import type { Program } from "./launcher.ts";
import { programText, type Revision, type Rollout, type RolloutPlan } from "./revision.ts";
import { holders, type Life, settledAtMs, understudiesOf } from "./state.ts";

/** A new replica's starts that may fail in a row: what fails so often is not the moment's fault. */
export const failedStartsMax = 3;

// ── What happens ───────────────────────────────────────────────────────────────────────────────────────────────

export function beginRollout(draft: Draft, change: Program, plan: RolloutPlan): void {
  draft.lastRevision += 1;
  const to = { number: draft.lastRevision, program: { ...draft.revision.program, ...change } };
  const startedMs = draft.nowMs;
  draft.rollout = { to, plan, phase: "forward", reason: "", startedMs, fault: "", unsoundFromMs: 0 };
  const { batch, settleMs, deadlineMs } = plan;
  const how = `${batch} at a time, settling for ${settleMs} ms, each healthy within ${deadlineMs} ms`;
  note(draft, "info", `Roll-out of revision ${to.number} begins: ${programText(to.program)}; ${how}`);
}

export function turnBack(draft: Draft, reason: string): void {
  const { rollout } = draft;
  if (rollout === null || rollout.phase === "back") return;
  draft.rollout = { ...rollout, phase: "back", reason, fault: "", unsoundFromMs: 0 };
  for (const life of holders(draft)) if (life.watchedUntilMs > 0) put(draft, life, { watchedUntilMs: 0 });
  const { number } = rollout.to;
  note(
    draft,
    "warn",
    `Roll-out of revision ${number} goes back to revision ${draft.revision.number}: ${reason}`,
  );
}

/** The replica of that name is to be replaced, healthy first. */
export function renew(draft: Draft, id: number, name: string): void {
  const old = holders(draft).find((life) => life.name === name);
  if (old === undefined) {
    draft.effects.push({ type: "settled", batch: id, outcome: "failed", reason: `${name} is gone` });
    return;
  }
  const { revision, program, seat } = old;
  understudy(draft, seat, { number: revision, program }, `to take over from ${name}`, { id, old: old.id });
}

/** A start that failed and would be tried again: not for ever, when it is a new replica's. */
export function blameForStarts(draft: Draft, life: Life, reason: string): void {
  const failed = failedStartsOf(life.strikes);
  if (failed >= failedStartsMax) blame(draft, life, `failed to start ${failed} times: it ${reason}`);
}

// ── What follows ───────────────────────────────────────────────────────────────────────────────────────────────

export function settleRollout(draft: Draft): void {
  if (draft.stopping) return;
  endWatches(draft);
  watchSoundness(draft);
  if (draft.rollout !== null && draft.rollout.fault !== "") turnBack(draft, draft.rollout.fault);
  takeSeats(draft);
  dismissNeedless(draft);
  startUnderstudies(draft);
  endWhenDone(draft);
}

function endWatches(draft: Draft): void {
  for (const life of holders(draft)) {
    if (life.watchedUntilMs > 0 && life.watchedUntilMs <= draft.nowMs)
      put(draft, life, { watchedUntilMs: 0 });
  }
}

/** New replicas that had proved themselves, and whose seats are not served now. */
function unsound(draft: Draft, { to }: Rollout): Life[] {
  return holders(draft).filter((life) => life.revision === to.number && life.state !== "healthy");
}

/** They are waited for, but not for ever. */
function watchSoundness(draft: Draft): void {
  const { rollout, nowMs } = draft;
  if (rollout?.phase !== "forward") return;
  const [first] = unsound(draft, rollout);
  const unsoundFromMs = first === undefined ? 0 : rollout.unsoundFromMs || nowMs;
  if (unsoundFromMs !== rollout.unsoundFromMs) draft.rollout = { ...rollout, unsoundFromMs };
  const { deadlineMs } = rollout.plan;
  if (first === undefined || nowMs < unsoundFromMs + deadlineMs || rollout.fault !== "") return;
  const fault = `${first.name} was not healthy again within ${deadlineMs} ms: ${first.reason}`;
  draft.rollout = { ...rollout, unsoundFromMs, fault };
}

/** What a roll-out wants on every seat. */
function wantedRevision(draft: Draft): Revision {
  return draft.rollout?.phase === "forward" ? draft.rollout.to : draft.revision;
}

/** By whom a seat is held; undefined also while an `add` is under way for it, which may be rolled back. */
function holderOf(draft: Draft, seat: number): Life | undefined {
  return holders(draft).find((life) => life.seat === seat && life.batch === 0);
}

/** At once where nobody serves the seat. */
function takeSeats(draft: Draft): void {
  const { rollout, nowMs } = draft;
  for (const life of understudiesOf(draft)) {
    const old = holderOf(draft, life.relieves);
    if (old === undefined || life.state !== "healthy" || !isOfUse(draft, life, old)) continue;
    if (old.state === "healthy" && settledAtMs(life, rollout) > nowMs) continue;
    const watched = rollout?.phase === "forward" && life.renewal === 0;
    const reason = life.renewal > 0 ? "is to be restarted" : `has revision ${old.revision}`;
    retire(draft, old, `${life.name} takes its seat`, draft.policy.drainMs);
    const watchedUntilMs = watched ? nowMs + rollout.plan.settleMs : 0;
    seatOn(draft, put(draft, life, { relieves: 0, renewal: 0, watchedUntilMs }), { ...old, reason });
    if (life.renewal > 0) endRenewal(draft, life, "healthy", `${life.name} has its seat`);
  }
}

function isOfUse(draft: Draft, life: Life, old: Life): boolean {
  if (life.renewal > 0) return life.revision === old.revision;
  const wanted = wantedRevision(draft).number;
  return draft.rollout !== null && life.revision === wanted && old.revision !== wanted;
}

/** Those whose seat was removed, or has what it should have; and those of a direction that is no longer taken. */
function dismissNeedless(draft: Draft): void {
  for (const life of understudiesOf(draft)) {
    const old = holderOf(draft, life.relieves);
    if (old !== undefined && isOfUse(draft, life, old)) continue;
    if (life.renewal > 0 && old === undefined) endRenewal(draft, life, "failed", "it was removed meanwhile");
    else if (life.renewal > 0) endRenewal(draft, life, "healthy", `${old?.name} has its seat, by a roll-out`);
    retire(draft, life, "no longer needed", draft.policy.drainMs);
  }
}

/** Seats that nobody serves come first: nothing can be lost there. */
function startUnderstudies(draft: Draft): void {
  const { rollout } = draft;
  if (rollout === null || draft.first !== null) return;
  const to = wantedRevision(draft);
  const understudies = understudiesOf(draft).filter((life) => life.renewal === 0);
  const watched = holders(draft).filter((life) => life.watchedUntilMs > 0);
  const awaited = rollout.phase === "forward" ? unsound(draft, rollout) : [];
  const isOpen = (life: Life): boolean =>
    life.batch === 0 &&
    life.revision !== to.number &&
    understudies.every(({ relieves }) => relieves !== life.seat);
  const open = holders(draft)
    .filter(isOpen)
    .sort((a, b) => Number(a.state === "healthy") - Number(b.state === "healthy") || a.seat - b.seat);
  const free = rollout.plan.batch - understudies.length - watched.length - awaited.length;
  for (const { seat, name } of open.slice(0, Math.max(0, free))) {
    understudy(draft, seat, to, `to take over from ${name} with revision ${to.number}`);
  }
}

function understudy(
  draft: Draft,
  seat: number,
  { number, program }: Revision,
  reason: string,
  renewal?: { readonly id: number; readonly old: number },
): void {
  bear(draft, {
    seat: 0,
    weight: 1,
    relieves: seat,
    renewal: renewal?.id ?? 0,
    revision: number,
    program,
    reason,
  });
}

function endWhenDone(draft: Draft): void {
  const { rollout } = draft;
  if (rollout === null || draft.first !== null) return;
  const to = wantedRevision(draft);
  const changing = understudiesOf(draft).some((life) => life.renewal === 0);
  const lacking = holders(draft).some((life) => life.revision !== to.number || life.watchedUntilMs > 0);
  const forward = rollout.phase === "forward";
  if (changing || lacking || (forward && unsound(draft, rollout).length > 0)) return;
  const { plan, reason, startedMs } = rollout;
  const outcome = forward ? "complete" : "rolled back";
  draft.pastRollout = { to: rollout.to, plan, reason, startedMs, outcome, endedMs: draft.nowMs };
  if (forward) draft.revision = rollout.to;
  if (forward) draft.rolloutsComplete += 1;
  else draft.rolloutsRolledBack += 1;
  draft.rollout = null;
  const seats = holders(draft).length;
  const took = `${seats} ${seats === 1 ? "seat" : "seats"} in ${draft.nowMs - startedMs} ms`;
  const { number } = rollout.to;
  if (forward) note(draft, "info", `Roll-out of revision ${number} is complete: ${took}`);
  else note(draft, "warn", `Roll-out of revision ${number} is rolled back (${took}): ${reason}`);
}

function note(draft: Draft, level: "info" | "warn", message: string): void {
  const { rollout, pastRollout } = draft;
  const { to, phase, startedMs } = rollout ?? {
    ...(pastRollout as NonNullable<typeof pastRollout>),
    phase: "ended",
  };
  const fields = { event: "rollout", revision: to.number, phase, ms: draft.nowMs - startedMs };
  draft.effects.push({ type: "rollout" }, { type: "log", level, fields, message });
}
