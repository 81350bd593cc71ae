// A state being changed: the moves that the lifecycle is made of. One move changes one life (or hands its seat on)
// and notes what follows from it; when a move is due is decided in lifecycle.ts.
import { pauseMs, strikesAfterDeath } from "./backoff.ts";
import type { ReplicaState } from "./fleet.ts";
import type { Program } from "./launcher.ts";
import { randomName } from "./names.ts";
import type { Revision } from "./revision.ts";
import { type Effect, type FleetState, holders, type Life, sparesOf } from "./state.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A private copy of a state, and the effects so far. Lives are still replaced, never changed. */
export interface Draft extends Mutable<Omit<FleetState, "lives">> {
  readonly lives: Map<number, Life>;
  readonly effects: Effect[];
  readonly nowMs: number;
  /** The next random number, 0…1. */
  draw(): number;
}

export function draftOf(state: FleetState, nowMs: number, entropy: number): Draft {
  return { ...state, lives: new Map(state.lives), effects: [], nowMs, draw: splitmix(entropy) };
}

export function finished(draft: Draft): { state: FleetState; effects: Effect[] } {
  const { effects, nowMs: _now, draw: _draw, ...state } = draft;
  return { state, effects };
}

/** As many numbers as needed out of 32 random bits: SplitMix's finalizer over a counter. */
function splitmix(entropy: number): () => number {
  let counter = entropy | 0;
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

export function put(draft: Draft, life: Life, changes: Partial<Life>): Life {
  const next = { ...life, ...changes };
  draft.lives.set(next.id, next);
  return next;
}

export function say(draft: Draft, level: "info" | "warn", life: Life, message: string): void {
  const { name, seat, state, reason, pid } = life;
  draft.effects.push({ type: "log", level, fields: { replica: name, seat, state, reason, pid }, message });
}

/** Moves a life into another state: tells the listeners (of spares they know nothing) and the log. */
export function enter(
  draft: Draft,
  life: Life,
  state: ReplicaState,
  reason: string,
  changes: Partial<Life> = {},
): Life {
  const from = life.state;
  const next = put(draft, life, { ...changes, state, reason, sinceMs: draft.nowMs });
  if (next.seat > 0) draft.effects.push({ type: "change", change: { replica: next, from } });
  const level = state === "dead" && from !== "draining" ? "warn" : "info";
  say(draft, level, next, `${who(next)} is ${state}: ${reason}`);
  return next;
}

function who({ seat, relieves, name }: Life): string {
  if (seat > 0) return name;
  return relieves > 0 ? `Understudy ${name} for seat ${relieves}` : `Spare ${name}`;
}

export interface Birth {
  readonly name?: string;
  readonly seat: number;
  readonly weight: number;
  readonly reason: string;
  readonly strikes?: number;
  readonly hung?: boolean;
  readonly batch?: number;
  readonly joined?: number;
  /** Default: the fleet's revision. */
  readonly revision?: number;
  readonly program?: Program;
  readonly relieves?: number;
  readonly renewal?: number;
}

/** A new life; it is launched by {@link launchDue} when its strikes allow. */
export function bear(draft: Draft, birth: Birth): Life {
  const { name = freshName(draft), strikes = 0, ...given } = birth;
  draft.lastId += 1;
  const life: Life = {
    id: draft.lastId,
    name,
    state: "starting",
    address: null,
    pid: null,
    sinceMs: draft.nowMs,
    joined: 0,
    run: 0,
    good: 0,
    missed: 0,
    lastMiss: "no answer yet",
    strikes,
    trouble: "",
    retryAtMs: draft.nowMs + pauseMs(strikes, draft.draw()),
    startByMs: Number.POSITIVE_INFINITY,
    stopAtMs: Number.POSITIVE_INFINITY,
    killAtMs: Number.POSITIVE_INFINITY,
    asked: "nothing",
    hung: false,
    outgrown: "",
    provenFromMs: draft.nowMs,
    batch: 0,
    givenUp: "",
    revision: draft.revision.number,
    program: draft.revision.program,
    relieves: 0,
    renewal: 0,
    watchedUntilMs: 0,
    ...given,
  };
  draft.lives.set(life.id, life);
  if (life.seat > 0) draft.effects.push({ type: "change", change: { replica: life, from: null } });
  say(draft, "info", life, `${who(life)} is starting: ${life.reason}`);
  return life;
}

function freshName(draft: Draft): string {
  const taken = new Set([...draft.lives.values()].map((life) => life.name));
  return randomName(draft.draw, (name) => taken.has(name));
}

/** The lowest positive integer that no wanted life sits on. */
export function freeSeat(draft: Draft): number {
  const taken = new Set(holders(draft).map((life) => life.seat));
  let seat = 1;
  while (taken.has(seat)) seat += 1;
  return seat;
}

/** Into the ring. */
export function join(draft: Draft, life: Life, reason: string): Life {
  const inTurn = life.seat > 0 && (life.joined === 0 || life.state === "down");
  if (inTurn) draft.lastJoined += 1;
  return enter(draft, life, "healthy", reason, {
    joined: inTurn ? draft.lastJoined : life.joined,
    provenFromMs: life.state === "down" ? life.provenFromMs : draft.nowMs,
    missed: 0,
    hung: false,
    trouble: "",
    batch: 0,
    startByMs: Number.POSITIVE_INFINITY,
  });
}

/** It will not come back: its seat passes on at once. `kill`: its process may still be there. */
export function die(draft: Draft, life: Life, reason: string, kill: boolean, hung = false): void {
  const livedMs = draft.nowMs - life.provenFromMs;
  const strikes = life.state === "starting" ? life.strikes : strikesAfterDeath(life.strikes, livedMs);
  const dead = enter(draft, life, "dead", reason, { hung, asked: kill ? "kill" : life.asked });
  if (kill) draft.effects.push({ type: "kill", run: life.run });
  else draft.lives.delete(life.id);
  if (life.state === "draining") return;
  blame(draft, dead, reason);
  succeed(draft, dead, strikes);
}

/** Hands a dead (or outgrown) replica's seat to a spare, the healthy ones first, or to a new life. */
export function succeed(draft: Draft, old: Life, strikes: number): void {
  if (old.relieves > 0) return;
  const { number } = successorsRevision(draft, old);
  const spares =
    old.seat === 0 ? [] : sparesOf(draft).filter((spare) => spare.run > 0 && spare.revision === number);
  const spare =
    spares.find((life) => life.state === "healthy") ?? spares.find((life) => life.state === "starting");
  if (old.seat === 0 || spare !== undefined) draft.spareStrikes = strikes;
  if (old.seat === 0) return;
  if (old.outgrown === "") draft.respawns += 1;
  if (spare !== undefined) seatOn(draft, spare, old);
  else bearSuccessor(draft, old, strikes);
}

/** That of the dead one, unless a roll-out is being taken back, or is about to be. */
export function successorsRevision(
  { rollout, revision: fleets }: Draft,
  { revision, program }: Life,
): Revision {
  const goesBack = rollout !== null && (rollout.phase === "back" || rollout.fault !== "");
  return goesBack ? fleets : { number: revision, program };
}

function bearSuccessor(draft: Draft, old: Life, strikes: number): void {
  const { seat, weight, hung, name, reason } = old;
  const { number: revision, program } = successorsRevision(draft, old);
  const why = `in place of ${name}, which ${reason}`;
  bear(draft, { seat, weight, strikes, hung, revision, program, reason: why });
}

/** A spare or an understudy takes the seat of a life that no longer counts. */
export function seatOn(draft: Draft, spare: Life, old: Life): void {
  const healthy = spare.state === "healthy";
  if (healthy) draft.lastJoined += 1;
  const seated = put(draft, spare, {
    seat: old.seat,
    weight: old.weight,
    sinceMs: draft.nowMs,
    joined: healthy ? draft.lastJoined : 0,
    hung: !healthy && old.hung,
    reason: `takes the seat of ${old.name}, which ${old.reason}`,
  });
  draft.effects.push({ type: "change", change: { replica: seated, from: null } });
  say(draft, "info", seated, `${seated.name} is ${seated.state}: ${seated.reason}`);
}

/** Out of the ring for good: drained, stopped and killed by the deadline. Its seat is free at once. */
export function retire(draft: Draft, life: Life, reason: string, deadlineMs: number): void {
  if (life.run === 0) {
    enter(draft, life, "dead", reason);
    draft.lives.delete(life.id);
    return;
  }
  const killAtMs = draft.nowMs + deadlineMs;
  const graceMs = Math.min(stopGraceMs, deadlineMs / 2);
  const draining = enter(draft, life, "draining", reason, {
    killAtMs,
    stopAtMs: killAtMs - graceMs,
    batch: 0,
  });
  if (deadlineMs === 0) ask(draft, draining, "kill");
  else if (life.givenUp !== "") put(draft, draining, { asked: "kill" });
  else if (life.joined === 0) ask(draft, draining, "stop");
}

/** A draining replica with requests in flight is asked to stop this long before it is killed, in ms. */
const stopGraceMs = 5_000;

export function ask(draft: Draft, life: Life, asked: "stop" | "kill"): void {
  put(draft, life, { asked });
  draft.effects.push({ type: asked, run: life.run });
}

/** Nobody waits for the first replicas any more. */
export function endFirst(draft: Draft, outcome: "healthy" | "stopping", reason: string): void {
  if (draft.first === null) return;
  draft.effects.push({ type: "settled", batch: draft.first.id, outcome, reason });
  draft.first = null;
}

/**
 * Something is wrong with a life, in words. Of interest when it is new: then the roll-out that it belongs to goes back,
 * or who waits for it is told.
 */
export function blame(draft: Draft, life: Life, reason: string): void {
  const { rollout } = draft;
  if (life.renewal > 0) {
    endRenewal(draft, life, "failed", `${life.name} ${reason}`);
    return;
  }
  const isNew = life.relieves > 0 || life.watchedUntilMs > 0;
  if (!isNew || rollout?.phase !== "forward" || life.revision !== rollout.to.number) return;
  if (rollout.fault === "") draft.rollout = { ...rollout, fault: `${life.name} ${reason}` };
}

/** Tells who waits for a `restart` what came of it. */
export function endRenewal(
  draft: Draft,
  life: Life,
  outcome: "healthy" | "failed" | "stopping",
  reason: string,
): void {
  draft.effects.push({ type: "settled", batch: life.renewal, outcome, reason });
  const now = draft.lives.get(life.id);
  if (now !== undefined) put(draft, now, { renewal: 0 });
}
