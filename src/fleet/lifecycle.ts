// The life of a fleet as a pure function: (state, event, nowMs) → { state, effects }. No clock, no process, no
// randomness: the shell (running-lifecycle.ts) brings events in and carries effects out. Here is what each event means;
// what the state then calls for, whatever led to it, is in settle.ts.
//
//                        ┌───────────── fails to start: waits, tries again
//                        ▼         │
//   launch ──────────▶ starting ───┘
//                        │ answers                      ┌── answers again
//                        ▼                              │
//                     healthy ── misses heartbeats ──▶ down ── a kill is free ──▶ dead ──▶ gone
//                        │  └─────── exits ────────────────────────────────────────▲
//                        │ removed, outgrown, fleet stops                          │
//                        └──────────────▶ draining ────────── exits ───────────────┘
//
// Whatever dies of those wanted hands its seat on in the same turn: to a spare, or to a new life.

import { pauseMs, strikesAfterFailedStart } from "./backoff.ts";
import {
  ask,
  bear,
  blame,
  type Draft,
  die,
  draftOf,
  endFirst,
  endRenewal,
  enter,
  finished,
  freeSeat,
  join,
  put,
  retire,
  say,
} from "./draft.ts";
import type { DesiredReplica } from "./fleet.ts";
import { beginRollout, blameForStarts, renew, turnBack } from "./rollout.ts";
import { settle, startDeadlineMs } from "./settle.ts";
import {
  type Effect,
  type FleetEvent,
  type FleetState,
  holders,
  isWanted,
  type Life,
  lifeOfRun,
  understudiesOf,
} from "./state.ts";

export function reduce(
  state: FleetState,
  event: FleetEvent,
  nowMs: number,
): { state: FleetState; effects: Effect[] } {
  const draft = draftOf(state, nowMs, event.entropy);
  apply(draft, event);
  settle(draft);
  return finished(draft);
}

function apply(draft: Draft, event: FleetEvent): void {
  switch (event.type) {
    case "start":
      startFirst(draft, event.batch, event.replicas);
      break;
    case "add":
      add(draft, event.batch, event.count, event.names);
      break;
    case "remove":
      remove(draft, event.count, event.names);
      break;
    case "weigh":
      weigh(draft, event.name, event.weight);
      break;
    case "policy":
      draft.policy = { ...draft.policy, ...event.policy };
      break;
    case "rollout":
      beginRollout(draft, event.change, event.plan);
      break;
    case "abort":
      turnBack(draft, event.reason);
      break;
    case "renew":
      renew(draft, event.batch, event.name);
      break;
    case "faulty": {
      const life = draft.lives.get(event.id);
      if (life !== undefined && isWanted(life)) blame(draft, life, event.reason);
      break;
    }
    case "idle": {
      const life = draft.lives.get(event.id);
      if (life?.state === "draining" && life.asked === "nothing") ask(draft, life, "stop");
      break;
    }
    case "stop":
      stopAll(draft, event.deadlineMs);
      break;
    case "tick":
      passDeadlines(draft);
      break;
    default: {
      const life = lifeOfRun(draft, event.run);
      if (life !== undefined) hear(draft, life, event);
    }
  }
}

/** News of one launch. */
function hear(draft: Draft, life: Life, event: Extract<FleetEvent, { run: number }>): void {
  switch (event.type) {
    case "launched":
      put(draft, life, { address: event.address, pid: event.pid });
      break;
    case "exited":
      exited(draft, life, event.reason);
      break;
    case "answered":
      if (isWanted(life) && life.givenUp === "") answered(draft, life);
      break;
    case "missed":
      if (isWanted(life)) missed(draft, life, event.reason, event.enough);
      break;
    case "outgrown":
      if (life.seat > 0 && life.state === "healthy") put(draft, life, { outgrown: event.reason });
  }
}

function startFirst(draft: Draft, id: number, replicas: readonly DesiredReplica[]): void {
  const lives = replicas.map(({ name, seat, weight = draft.policy.weightOf(seat), revision }) => {
    draft.lastJoined += 1;
    const newer = draft.rollout?.to.number === revision ? draft.rollout?.to : undefined;
    const { number, program } = newer ?? draft.revision;
    const given = { name, seat, weight, revision: number, program };
    return bear(draft, { ...given, reason: "first start", joined: draft.lastJoined });
  });
  draft.first = { id, lives: lives.map((life) => life.id) };
}

function add(draft: Draft, batch: number, count: number, names: readonly string[]): void {
  const lives: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const name = names[index];
    const seat = freeSeat(draft);
    const weight = draft.policy.weightOf(seat);
    lives.push(
      bear(draft, { ...(name === undefined ? {} : { name }), seat, weight, batch, reason: "added" }).id,
    );
  }
  draft.batch = { id: batch, lives, deadlineMs: draft.nowMs + draft.policy.addDeadlineMs };
}

function remove(draft: Draft, count: number, names: readonly string[]): void {
  const named = holders(draft).filter((life) => names.includes(life.name));
  const others = holders(draft).filter((life) => !names.includes(life.name));
  while (named.length < count && others.length > 0) {
    named.push(...others.splice(Math.floor(draft.draw() * others.length), 1));
  }
  for (const life of named) retire(draft, life, "removed", draft.policy.drainMs);
}

function weigh(draft: Draft, name: string, weight: number): void {
  const life = holders(draft).find((each) => each.name === name);
  if (life === undefined || life.weight === weight) return;
  const weighed = put(draft, life, { weight });
  draft.effects.push({ type: "change", change: { replica: weighed, from: life.state } });
  say(draft, "info", weighed, `${name} has the weight ${weight}, no longer ${life.weight}`);
}

function stopAll(draft: Draft, deadlineMs: number): void {
  draft.stopping = true;
  for (const life of understudiesOf(draft)) {
    if (life.renewal > 0) endRenewal(draft, life, "stopping", "the fleet stops");
  }
  for (const life of [...draft.lives.values()]) {
    if (isWanted(life)) retire(draft, life, "the fleet stops", deadlineMs);
    else if (life.state === "draining") hurry(draft, life, deadlineMs);
  }
  endBatch(draft, "stopping", "the fleet stops");
  endFirst(draft, "stopping", "the fleet stops");
}

function hurry(draft: Draft, life: Life, deadlineMs: number): void {
  const killAtMs = Math.min(life.killAtMs, draft.nowMs + deadlineMs);
  const hurried = put(draft, life, { killAtMs, stopAtMs: Math.min(life.stopAtMs, killAtMs) });
  if (deadlineMs === 0 && life.asked !== "kill") ask(draft, hurried, "kill");
}

function exited(draft: Draft, life: Life, reason: string): void {
  if (life.state === "dead") draft.lives.delete(life.id);
  else if (life.state === "starting") failedStart(draft, life, life.givenUp || reason);
  else die(draft, life, life.state === "draining" ? `${life.reason}; ${reason}` : reason, false);
}

/** A start that ended without an answer, or was given up: the life keeps its name and waits. Said once per reason. */
function failedStart(draft: Draft, life: Life, reason: string): void {
  if (life.batch > 0) {
    endBatch(draft, "failed", `${life.name} ${reason}`, life.id);
    return;
  }
  const strikes = strikesAfterFailedStart(life.strikes);
  const waiting = put(draft, life, {
    ...notLaunched,
    strikes,
    reason: `failed to start: it ${reason}`,
    trouble: reason,
    retryAtMs: draft.nowMs + pauseMs(strikes, draft.draw()),
  });
  if (life.trouble !== reason)
    say(draft, "warn", waiting, `${life.name} ${waiting.reason}; it is tried again`);
  blameForStarts(draft, waiting, reason);
  leaveFirstBatch(draft, life);
}

const notLaunched = {
  run: 0,
  address: null,
  pid: null,
  good: 0,
  missed: 0,
  startByMs: Number.POSITIVE_INFINITY,
  givenUp: "",
} as const;

function answered(draft: Draft, life: Life): void {
  const heard = put(draft, life, { good: life.good + 1, missed: 0 });
  if (life.state === "healthy" || heard.good < draft.policy.upAfter) return;
  if (life.batch > 0) {
    // It started in time; what it waits for now is the rest of its batch.
    put(draft, heard, { startByMs: Number.POSITIVE_INFINITY });
    return;
  }
  join(draft, heard, life.state === "down" ? "it answers again" : `answers${after(life)}`);
  leaveFirstBatch(draft, life);
}

function after(life: Life): string {
  return life.trouble === "" ? "" : `, after starts that failed: it ${life.trouble}`;
}

function missed(draft: Draft, life: Life, reason: string, enough: boolean): void {
  const heard = put(draft, life, { good: 0, missed: life.missed + 1, lastMiss: reason });
  if (life.state !== "starting") draft.heartbeatFailures += 1;
  if (life.state === "starting" && !draft.policy.fixed) return;
  if (life.state === "starting") leaveFirstBatch(draft, life);
  if (life.state === "down" || (!enough && heard.missed < draft.policy.downAfter)) return;
  const count = heard.missed === 1 ? "1 heartbeat" : `${heard.missed} heartbeats`;
  const why = `missed ${count}: ${reason}`;
  blame(draft, enter(draft, heard, "down", why), why);
}

function passDeadlines(draft: Draft): void {
  const { batch, nowMs } = draft;
  if (batch !== null && batch.deadlineMs <= nowMs) {
    endBatch(
      draft,
      "timeout",
      `not all were healthy within ${draft.policy.addDeadlineMs} ms: ${laggards(draft)}`,
    );
  }
  for (const id of [...draft.lives.keys()]) {
    const life = draft.lives.get(id);
    if (life?.state === "starting" && life.run > 0 && life.startByMs <= nowMs) neverHealthy(draft, life);
    if (life?.state !== "draining") continue;
    if (life.asked !== "kill" && life.killAtMs <= nowMs) ask(draft, life, "kill");
    else if (life.asked === "nothing" && life.stopAtMs <= nowMs) ask(draft, life, "stop");
  }
}

function laggards(draft: Draft): string {
  const late = [...draft.lives.values()].filter((life) => life.batch > 0 && life.good < draft.policy.upAfter);
  return late.map((life) => `${life.name} (${life.lastMiss})`).join(", ");
}

function neverHealthy(draft: Draft, life: Life): void {
  const reason = `was not healthy within ${startDeadlineMs(draft, life)} ms: ${life.lastMiss}`;
  if (life.batch > 0) {
    endBatch(draft, "failed", `${life.name} ${reason}`);
    return;
  }
  blame(draft, put(draft, life, { givenUp: reason, startByMs: Number.POSITIVE_INFINITY }), reason);
  draft.effects.push({ type: "kill", run: life.run });
  leaveFirstBatch(draft, life);
}

function leaveFirstBatch(draft: Draft, life: Life): void {
  const { first } = draft;
  if (first !== null) draft.first = { ...first, lives: first.lives.filter((id) => id !== life.id) };
}

/** Ends the `add` under way, which did not succeed: what it started stops. */
function endBatch(
  draft: Draft,
  outcome: "failed" | "timeout" | "stopping",
  reason: string,
  gone?: number,
): void {
  const { batch } = draft;
  if (batch === null) return;
  draft.batch = null;
  for (const id of batch.lives) {
    const life = draft.lives.get(id);
    if (life === undefined || !isWanted(life)) continue;
    const left = id === gone ? put(draft, life, notLaunched) : life;
    retire(draft, left, `rolled back: ${reason}`, draft.policy.drainMs);
  }
  draft.effects.push({ type: "settled", batch: batch.id, outcome, reason });
}
