// Slow start: a replica that joins others gets a tenth of its weight at first and all of it when the window is over, so
// that its caches and its compiler warm up before the load comes. A pure function of time; slow-fleet.ts has the clock.
//
// The weight grows in nine equal steps, not smoothly: each step may change the ring.

/** When each replica that serves began to; −Infinity for those that count in full from the start. */
export interface Ramps {
  /** 0: nobody starts slowly. */
  readonly windowMs: number;
  readonly beganMs: ReadonlyMap<string, number>;
}

const steps = 9;
const inFull = Number.NEGATIVE_INFINITY;

/**
 * The ramps of those that serve now: who left is forgotten, who is new begins. But where nobody counts in full there is
 * no one to take the load meanwhile, and newcomers count in full too.
 */
export function rampsOf(before: Ramps, serving: readonly string[], nowMs: number): Ramps {
  const { windowMs } = before;
  const helped = serving.some((name) => before.beganMs.has(name) && fractionOf(before, name, nowMs) === 1);
  const newMs = helped && windowMs > 0 ? nowMs : inFull;
  const beganMs = serving.map((name): [string, number] => {
    if (!before.beganMs.has(name)) return [name, newMs];
    return [name, fractionOf(before, name, nowMs) === 1 ? inFull : (before.beganMs.get(name) ?? inFull)];
  });
  return { windowMs, beganMs: new Map(beganMs) };
}

/** The part of its weight with which a replica counts: tenths, 0.1…1. */
export function fractionOf({ windowMs, beganMs }: Ramps, name: string, nowMs: number): number {
  const elapsedMs = nowMs - (beganMs.get(name) ?? inFull);
  if (elapsedMs >= windowMs) return 1;
  return (1 + Math.floor((steps * Math.max(0, elapsedMs)) / windowMs)) / (steps + 1);
}

/** Those that do not count in full, or did not when somebody last looked. */
export function isRamping({ beganMs }: Ramps, name: string): boolean {
  return (beganMs.get(name) ?? inFull) > inFull;
}

/** When the next fraction changes; Infinity when all count in full. */
export function nextStepMs({ windowMs, beganMs }: Ramps, nowMs: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const began of beganMs.values()) {
    const step = Math.floor((steps * (nowMs - began)) / windowMs) + 1;
    if (step <= steps) next = Math.min(next, began + (step * windowMs) / steps);
  }
  return next;
}
