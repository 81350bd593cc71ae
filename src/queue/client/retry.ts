// Trying again, with growing pauses, until a time is over. Only for what may be done twice.
import { setTimeout as pause } from "node:timers/promises";

export interface RetryOptions {
  /** From the first try on, pauses included. */
  readonly withinMs: number;
  /** Whether this failure may pass. */
  readonly mayPass: (error: unknown) => boolean;
  /** Told before each pause. */
  readonly onRetry?: (error: unknown, pauseMs: number) => void;
  readonly signal?: AbortSignal | undefined;
}

const PAUSE_MS = 50;
const PAUSE_MS_MAX = 1000;

/** @param attempt is told how much of the time is left */
export async function retry<T>(
  attempt: (leftMs: number) => Promise<T>,
  { withinMs, mayPass, onRetry, signal }: RetryOptions,
): Promise<T> {
  const untilMs = performance.now() + withinMs;
  for (let tries = 0; ; tries++) {
    try {
      return await attempt(Math.max(1, untilMs - performance.now()));
    } catch (error) {
      const pauseMs = backOffMs(tries);
      if (signal?.aborted || !mayPass(error) || performance.now() + pauseMs > untilMs) throw error;
      onRetry?.(error, pauseMs);
      await pause(pauseMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Doubles up to a second; half of it is chance, so that many clients do not come back at one moment. */
export function backOffMs(tries: number): number {
  const full = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** tries);
  return full / 2 + (Math.random() * full) / 2;
}
