// Spreads work over turns of the event loop: forking a process takes a millisecond or more, and fifty in a row
// would hold up every request meanwhile.

export interface Turns {
  /** Does `work` in a later turn, one piece of work a turn, in the order given. */
  later(work: () => void): void;
}

export function createTurns(): Turns {
  const waiting: (() => void)[] = [];
  let scheduled = false;
  function turn(): void {
    scheduled = waiting.length > 1;
    if (scheduled) setImmediate(turn);
    waiting.shift()?.();
  }
  return {
    later(work) {
      waiting.push(work);
      if (!scheduled) setImmediate(turn);
      scheduled = true;
    },
  };
}
