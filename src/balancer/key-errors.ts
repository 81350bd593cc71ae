// Failures of the user's routing-key or hash function: counted always, logged once a minute, so that a function that fails
// for every request does not fill the log.
import type { Log } from "../telemetry/log.ts";

export interface KeyErrors {
  readonly count: number;
  readonly note: (error: unknown) => void;
}

const quietMs = 60_000;

export function createKeyErrors(log: Pick<Log, "warn">, nowMs: () => number = Date.now): KeyErrors {
  let count = 0;
  let told = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return {
    get count() {
      return count;
    },
    note: (error) => {
      count += 1;
      if (nowMs() - toldAtMs < quietMs) return;
      const reason = error instanceof Error ? error.message : String(error);
      const message = `The configured key or hash function failed, and the request was routed at random: ${reason}`;
      log.warn({ event: "routing-key", failures: count - told, failuresTotal: count }, message);
      told = count;
      toldAtMs = nowMs();
    },
  };
}
