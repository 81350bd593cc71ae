// Chance with a seed, so that a run can be repeated: the same keys in the same order.

/** A number from 0 (included) to 1 (not included). */
export type Random = () => number;

/** Tommy Ettinger's mulberry32: 32 bits of state, enough for load and not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
