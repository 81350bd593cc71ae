// The event-loop turn: its clock, and what waits for its end. First everything that has arrived is read, then all of it is
// understood, then all that came of it is written. So each of the three runs over and over in a row, and the kernel's
// code between two reads does not drive ours out of the processor's caches; the kernel wakes each receiver once for many
// messages; several small messages for one socket become one write; and a stale connection shows itself before anything
// was sent on it.
import { performance } from "node:perf_hooks";

export interface TurnReader {
  /** Looks at what it has read; `chunk`: what it gave to {@link afterReads}. */
  readNow(chunk: Buffer | null): void;
}

export interface TurnWriter {
  /** Writes what it has gathered. */
  writeNow(): void;
}

/** A turn in which something was written. */
export interface Turn {
  /** performance.now() behind its last write; 0 while it lasts. */
  endMs: number;
}

const readers: TurnReader[] = [];
/** What each of them has read. Here and not with the readers, since a young object in an old one costs the collector. */
const chunks: (Buffer | null)[] = [];
let isReading = false;
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

/** `reader` is called when everything that has arrived in this turn was read, or at the next {@link settleReads}. */
export function afterReads(reader: TurnReader, chunk: Buffer | null): void {
  chunks.push(chunk);
  if (readers.push(reader) === 1) turnMs();
}

/** Whatever else happens than a read: what was read before it is looked at first. */
export function settleReads(): void {
  if (isReading || readers.length === 0) return;
  isReading = true;
  for (let at = 0; at < readers.length; at++) {
    try {
      (readers[at] as TurnReader).readNow(chunks[at] as Buffer | null);
    } catch (error) {
      throwLater(error);
    }
  }
  readers.length = 0;
  chunks.length = 0;
  isReading = false;
}

function seeToEnd(): void {
  if (endIsDue) return;
  endIsDue = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  settleReads();
  const hasWriters = waiting.length > 0;
  for (let at = 0; at < waiting.length; at++) {
    try {
      (waiting[at] as TurnWriter).writeNow();
    } catch (error) {
      throwLater(error);
    }
  }
  waiting.length = 0;
  endIsDue = false;
  nowMs = 0;
  if (!hasWriters) return;
  current.endMs = performance.now();
  current = { endMs: 0 };
}

/** It is nobody's but its own: the others of the turn read and write first. */
function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
