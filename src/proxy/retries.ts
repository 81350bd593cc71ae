// How often requests may be sent again beyond the one safe re-dispatch that is always free (attempts.ts), and the budget
// that keeps all those retries together from becoming a storm: when everything fails, retries multiply what fails.

/** What may be tried again. */
export type RetryCause =
  | "connect-failure" // refused, or no connection in time
  | "reset" // the connection ended, or the answer was malformed, before anything of it was forwarded
  | "timeout" // no answer within `perTryTimeoutMs`, or within the response deadline
  | "gateway-error"; // 502, 503 or 504 of which nothing was forwarded

/** Only idempotent requests whose body can be sent again are retried, whatever this says. */
export interface RetryPolicy {
  /** Retries of one request. Default: 0. */
  readonly attempts: number;
  /** A replica that has not begun to answer after this is given up for another one. Infinity (default): never. */
  readonly perTryTimeoutMs: number;
  /** Default: all. */
  readonly on: ReadonlySet<RetryCause>;
  /** Retries under way, in per cent of the requests under way that are none. Default: 20. */
  readonly budgetPercent: number;
  /** So many retries may be under way in any case. Default: 3. */
  readonly minRetries: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 0, // whoever calls may retry too, and the two multiply
  perTryTimeoutMs: Number.POSITIVE_INFINITY,
  on: new Set<RetryCause>(["connect-failure", "reset", "timeout", "gateway-error"]),
  budgetPercent: 20,
  minRetries: 3,
};

/** All retries of one proxy. */
export class Retries {
  policy: RetryPolicy;
  /** Exchanges under way, those on a retry included; and those on a retry. */
  underWay = 0;
  retrying = 0;
  /** Since the start: retries; and those that were due but over the budget, or would have been one too many. */
  made = 0;
  overBudget = 0;
  exhausted = 0;

  constructor(policy: RetryPolicy) {
    this.policy = policy;
  }

  /** One more retry, if the budget has room for it. `retried`: it is not this request's first, so it has its room. */
  take(retried: boolean): boolean {
    const { budgetPercent, minRetries } = this.policy;
    const room = Math.floor(((this.underWay - this.retrying) * budgetPercent) / 100);
    if (this.retrying - (retried ? 1 : 0) >= Math.max(minRetries, room)) {
      this.overBudget++;
      return false;
    }
    if (!retried) this.retrying++;
    this.made++;
    return true;
  }
}
