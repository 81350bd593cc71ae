// How long to wait before a server that fails is started again. Exponential with jitter, so that a broken command
// costs little and many broken replicas do not try in step.

/** Deaths soon after becoming healthy that are forgiven: a replica killed twice in a row is replaced at once. */
export const quickDeathsForgiven = 5;

/** A replica that lived this long in the ring has proved itself; its death is no strike. In ms. */
export const provenAfterMs = 1_000;

const firstMs = 200;
const mostMs = 15_000;

/** Strikes after one more start that failed: never forgiven, whatever came before. */
export function strikesAfterFailedStart(strikes: number): number {
  return Math.max(strikes, quickDeathsForgiven) + 1;
}

/** Of these strikes, those that are failed starts. */
export function failedStartsOf(strikes: number): number {
  return Math.max(0, strikes - quickDeathsForgiven);
}

/** Strikes after the death of a replica that had been healthy for `livedMs`. */
export function strikesAfterDeath(strikes: number, livedMs: number): number {
  return livedMs >= provenAfterMs ? 0 : strikes + 1;
}

/** The pause before the next launch, in ms: 0 while forgiven, then 100–200, 200–400 … up to 7,500–15,000. */
export function pauseMs(strikes: number, jitter: number): number {
  const doublings = strikes - quickDeathsForgiven - 1;
  if (doublings < 0) return 0;
  const wholeMs = Math.min(mostMs, firstMs * 2 ** Math.min(doublings, 30));
  return Math.round(wholeMs * (0.5 + jitter / 2));
}
