// Time in a simulation: a list of what is to happen when.

export interface Agenda {
  nowMs(): number;
  later(delayMs: number, run: () => void): void;
  /** Goes to the next entry's time and returns it; null when there is none before the end. */
  next(endMs: number): (() => void) | null;
}

/** Entries of one time come in the order in which they were made. */
export function createAgenda(): Agenda {
  const entries: { readonly at: number; readonly run: () => void }[] = [];
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    later(delayMs, run) {
      const at = nowMs + delayMs;
      let index = entries.length;
      while (index > 0 && (entries[index - 1]?.at ?? 0) > at) index--;
      entries.splice(index, 0, { at, run });
    },
    next(endMs) {
      const entry = entries.shift();
      if (entry === undefined || entry.at > endMs) return null;
      nowMs = entry.at;
      return entry.run;
    },
  };
}
