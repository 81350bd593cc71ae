// What a replica's latest exchanges had in common: how many in a row went wrong, by kind. Pure.

/** How many of the latest exchanges in a row … */
export interface Streak {
  /** … brought no answer: refused, reset, timed out, malformed. */
  readonly failures: number;
  /** … brought no answer, or 502, 503 or 504: the replica, or what it leans on, cannot serve. */
  readonly gatewayErrors: number;
  /** … brought no answer, or any 5xx. */
  readonly serverErrors: number;
}

/** How long a streak may become. Infinity: as long as it likes. */
export interface StreakLimits {
  readonly failuresMax: number;
  readonly gatewayErrorsMax: number;
  readonly serverErrorsMax: number;
}

export const noStreak: Streak = { failures: 0, gatewayErrors: 0, serverErrors: 0 };

/** @param outcome the answer's status code, or 0 when there was none */
export function lengthened(streak: Streak, outcome: number): Streak {
  if (outcome !== 0 && outcome < 500) return noStreak;
  const gatewayError = outcome === 0 || (outcome >= 502 && outcome <= 504);
  return {
    failures: outcome === 0 ? streak.failures + 1 : 0,
    gatewayErrors: gatewayError ? streak.gatewayErrors + 1 : 0,
    serverErrors: streak.serverErrors + 1,
  };
}

/** What is too much about it, in words; null while nothing is. */
export function tooLong(streak: Streak, limits: StreakLimits): string | null {
  if (streak.failures >= limits.failuresMax) return `${streak.failures} requests in a row got no answer`;
  if (streak.gatewayErrors >= limits.gatewayErrorsMax)
    return `${streak.gatewayErrors} requests in a row got 502, 503, 504 or no answer`;
  if (streak.serverErrors >= limits.serverErrorsMax)
    return `${streak.serverErrors} requests in a row got a 5xx or no answer`;
  return null;
}
