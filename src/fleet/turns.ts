// Spreads work over time. Forking a process takes a millisecond or more, so that fifty in one turn of the event loop
// would hold up every request meanwhile; and fifty servers that start at the same moment would take the processor
// from those that serve.

export interface Pace {
  /** So many pieces of work may be done without a pause, each in a turn of its own. */
  readonly burst: number;
  /** From then on one piece is done in this time, in ms. */
  readonly gapMs: number;
}

export interface Turns {
  /** Does `work` in a later turn, in the order given. */
  later(work: () => void): void;
}

export function createTurns({ burst, gapMs }: Pace, nowMs: () => number = () => performance.now()): Turns {
  const waiting: (() => void)[] = [];
  let scheduled = false;
  /** When the burst would be whole again. */
  let settledMs = Number.NEGATIVE_INFINITY;

  function turn(): void {
    scheduled = false;
    settledMs = Math.max(settledMs, nowMs()) + gapMs;
    const work = waiting.shift();
    if (waiting.length > 0) schedule();
    work?.();
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    const pauseMs = settledMs - (burst - 1) * gapMs - nowMs();
    if (pauseMs > 0) setTimeout(turn, pauseMs);
    else setImmediate(turn);
  }

  return {
    later(work) {
      waiting.push(work);
      schedule();
    },
  };
}
