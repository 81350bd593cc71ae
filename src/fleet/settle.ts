// What the state of a fleet calls for, whatever event led to it: batches join, hung replicas are killed as far as the
// cap allows, outgrown ones are relieved, spares are kept, launches that are due are made. Part of the lifecycle;
// run after every event.
import { bear, type Draft, die, endFirst, join, put, retire, succeed, successorsRevision } from "./draft.ts";
import { settleRollout } from "./rollout.ts";
import { holders, type Life, sparesOf } from "./state.ts";

export function settle(draft: Draft): void {
  endFirstWhenSettled(draft);
  joinBatch(draft);
  killHung(draft);
  relieveOutgrown(draft);
  settleRollout(draft);
  keepSpares(draft);
  launchDue(draft);
}

/** One that was removed meanwhile is not waited for. */
function endFirstWhenSettled(draft: Draft): void {
  if (draft.first?.lives.some((id) => draft.lives.get(id)?.state === "starting")) return;
  endFirst(draft, "healthy", "each is in the ring or has failed once");
}

/** The batch whose last member became healthy enters the ring as one, in the order given. */
function joinBatch(draft: Draft): void {
  const { batch } = draft;
  if (batch === null) return;
  const lives = batch.lives.flatMap((id) => draft.lives.get(id) ?? []);
  if (!lives.every((life) => life.good >= draft.policy.upAfter)) return;
  draft.batch = null;
  for (const life of lives) join(draft, life, "answers");
  const reason = "all are in the ring";
  draft.effects.push({ type: "settled", batch: batch.id, outcome: "healthy", reason });
}

/**
 * Kills down replicas, but never more than max(1, N/3) at once: when all seem to hang, the fault is more likely
 * ours or the machine's. A kill counts until the process is gone and its successor is healthy.
 */
function killHung(draft: Draft): void {
  if (draft.policy.fixed || draft.stopping) return;
  const most = Math.max(1, Math.floor(holders(draft).length / 3));
  for (const life of [...draft.lives.values()]) {
    if (life.state !== "down") continue;
    const busy = [...draft.lives.values()].filter((other) => other.hung).map((other) => other.seat);
    if (new Set(busy).size >= most) return;
    die(draft, life, life.reason, true, true);
  }
}

/** A replica that uses too much memory goes when a healthy spare can take its seat, one at a time. */
function relieveOutgrown(draft: Draft): void {
  const old = holders(draft).find((life) => life.outgrown !== "");
  if (old === undefined || draft.stopping) return;
  const { number } = successorsRevision(draft, old);
  if (!sparesOf(draft).some((spare) => spare.state === "healthy" && spare.revision === number)) return;
  retire(draft, old, old.outgrown, draft.policy.drainMs);
  succeed(draft, { ...old, reason: old.outgrown }, 0);
}

/** Spares are started when no replica is: those come first. */
function keepSpares(draft: Draft): void {
  if (draft.stopping || draft.policy.fixed) return;
  const relief = holders(draft).some((life) => life.outgrown !== "") ? 1 : 0;
  const wanted = draft.policy.warm + relief;
  const spares = sparesOf(draft);
  const stale = staleSpare(draft, spares);
  if (stale !== undefined) retire(draft, stale, `has revision ${stale.revision}`, draft.policy.drainMs);
  const kept = spares.filter((spare) => spare !== stale);
  for (const extra of kept.slice(wanted)) retire(draft, extra, "no longer needed", draft.policy.drainMs);
  const busy = holders(draft).some((life) => life.state === "starting" && life.run > 0);
  const due = holders(draft).some((life) => life.state === "starting" && life.retryAtMs <= draft.nowMs);
  if (busy || due) return;
  for (let count = kept.length; count < wanted; count += 1) {
    bear(draft, { seat: 0, weight: 1, strikes: draft.spareStrikes, reason: "kept warm" });
  }
}

/** One after another, so that the others stay warm: a spare of a revision that no replica has any more. */
function staleSpare(draft: Draft, spares: readonly Life[]): Life | undefined {
  const stale = spares.find((spare) => spare.revision !== draft.revision.number);
  return spares.every((spare) => spare === stale || spare.state === "healthy") ? stale : undefined;
}

function launchDue(draft: Draft): void {
  for (const life of [...draft.lives.values()]) {
    if (life.state !== "starting" || life.run > 0 || life.retryAtMs > draft.nowMs) continue;
    draft.lastRun += 1;
    put(draft, life, { run: draft.lastRun, startByMs: draft.nowMs + startDeadlineMs(draft, life) });
    const { name, revision, program } = life;
    const seat = life.seat || life.relieves;
    draft.effects.push({ type: "launch", run: draft.lastRun, spec: { name, seat, revision, program } });
  }
}

/** How long this start may take, in ms. */
export function startDeadlineMs({ policy, rollout }: Draft, { relieves, renewal }: Life): number {
  if (policy.fixed) return Number.POSITIVE_INFINITY;
  const ofRollout = relieves > 0 && renewal === 0 ? rollout?.plan.deadlineMs : undefined;
  return ofRollout ?? policy.startDeadlineMs;
}
