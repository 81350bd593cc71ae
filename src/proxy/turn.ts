// Writes that wait for the end of the event-loop turn. All requests and answers of a turn then go out back to back,
// after everything that had arrived was read: the kernel wakes each receiver once for many messages, several small
// messages for one socket become one write, and a stale connection shows itself before anything was sent on it.

export interface TurnWriter {
  /** Writes what it has gathered. */
  writeNow(): void;
}

const waiting: TurnWriter[] = [];

/**
 * `writer` is called when the current turn's events are all handled (the check phase, where immediates run); who
 * registers while writers are called is called after them.
 */
export function atTurnEnd(writer: TurnWriter): void {
  if (waiting.push(writer) === 1) setImmediate(endTurn);
}

function endTurn(): void {
  try {
    for (let at = 0; at < waiting.length; at++) (waiting[at] as TurnWriter).writeNow();
  } finally {
    waiting.length = 0;
  }
}
