// Writes that wait for the end of the event-loop turn. All requests and answers of a turn then go out back to back,
// after everything that had arrived was read: the kernel wakes each receiver once for many messages, several small
// messages for one socket become one write, and a stale connection shows itself before anything was sent on it.

export interface TurnWriter {
  /** Writes what it has gathered. */
  writeNow(): void;
}

let waiting: TurnWriter[] = [];
let spare: TurnWriter[] = [];

/** `writer` is called when the current turn's events are all handled (the check phase, where immediates run). */
export function atTurnEnd(writer: TurnWriter): void {
  if (waiting.push(writer) === 1) setImmediate(endTurn);
}

function endTurn(): void {
  const writers = waiting;
  waiting = spare;
  for (const writer of writers) writer.writeNow();
  writers.length = 0;
  spare = writers;
}
