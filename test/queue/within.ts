// Bounds on time that the queue promises, on machines that may be busy with something else just then.
import assert from "node:assert/strict";

/**
 * Resolves with the number of times it took until one was within `ms`; one of five shows what can be done, and what is
 * slow is slow five times. `once` does it, and gives the milliseconds that it took.
 */
export async function oneOfFiveWithin(ms: number, once: () => Promise<number>): Promise<number> {
  const took: number[] = [];
  while (took.length < 5) {
    const tookMs = await once();
    took.push(tookMs);
    if (tookMs <= ms) return took.length;
  }
  assert.fail(`${took.map(Math.round).join(", ")} ms, and not once ${ms}`);
}
