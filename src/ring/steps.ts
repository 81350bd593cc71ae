// Long work cut into steps: a generator that yields between slices and returns the result. What to do between two
// steps is the caller's affair (a server lets its event loop turn); this file has no timers.

/** Runs the steps to the end in one go and gives the result. */
export function finished<Result>(steps: Generator<undefined, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Work that is too short to be cut, in the form of steps. */
// biome-ignore lint/correctness/useYield: the result is there at the first step
export function* inOneStep<Result>(work: () => Result): Generator<undefined, Result> {
  return work();
}
