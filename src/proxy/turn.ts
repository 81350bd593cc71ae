// The event-loop turn: its clock, and the writes that wait for its end. All requests and answers of a turn go out back to
// back, after everything that had arrived was read: the kernel wakes each receiver once for many messages, several small
// messages for one socket become one write, and a stale connection shows itself before anything was sent on it.
import { performance } from "node:perf_hooks";

export interface TurnWriter {
  /** Writes what it has gathered. */
  writeNow(): void;
}

/** A turn in which something was written. */
export interface Turn {
  /** performance.now() behind its last write; 0 while it lasts. */
  endMs: number;
}

const waiting: TurnWriter[] = [];
let current: Turn = { endMs: 0 };
/** 0: not read in this turn. */
let nowMs = 0;
let endIsDue = false;

/**
 * performance.now(), read once a turn: when the first of its events was handled. So our own work on the others of the
 * same turn counts neither against a client nor against an upstream.
 */
export function turnMs(): number {
  if (nowMs > 0) return nowMs;
  nowMs = performance.now();
  seeToEnd();
  return nowMs;
}

/** The current turn, whose end is known later. */
export function currentTurn(): Turn {
  return current;
}

/**
 * `writer` is called when the current turn's events are all handled (the check phase, where immediates run); who
 * registers while writers are called is called after them.
 */
export function atTurnEnd(writer: TurnWriter): void {
  if (waiting.push(writer) === 1) seeToEnd();
}

function seeToEnd(): void {
  if (endIsDue) return;
  endIsDue = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  const hasWriters = waiting.length > 0;
  try {
    for (let at = 0; at < waiting.length; at++) (waiting[at] as TurnWriter).writeNow();
  } finally {
    waiting.length = 0;
    endIsDue = false;
    nowMs = 0;
    if (hasWriters) {
      current.endMs = performance.now();
      current = { endMs: 0 };
    }
  }
}
