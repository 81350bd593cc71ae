// Waiting for conditions, never for fixed times.
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";

/** Resolves when the condition holds; throws with `what` when it does not within `withinMs`. */
export async function until(
  what: string | (() => string),
  condition: () => boolean,
  withinMs = 5_000,
): Promise<void> {
  if (await holds(condition, withinMs)) return;
  throw new Error(`Waited ${withinMs} ms for: ${typeof what === "string" ? what : what()}`);
}

/** Whether the condition comes to hold within `withinMs`. */
export async function holds(condition: () => boolean, withinMs: number): Promise<boolean> {
  for (let turns = 0; turns < 100; turns++) {
    if (condition()) return true;
    await turn();
  }
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await pause(1);
  }
  return true;
}
