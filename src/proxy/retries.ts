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
  /** Retries, in per cent of the requests: of those under way, and of all that have come. Default: 20. */
  readonly budgetPercent: number;
  /** So many retries may be under way in any case, whatever else was made. Default: 3. */
  readonly minRetries: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 0, // whoever calls may retry too, and the two multiply
  perTryTimeoutMs: Number.POSITIVE_INFINITY,
  on: new Set<RetryCause>(["connect-failure", "reset", "timeout", "gateway-error"]),
  budgetPercent: 20,
  minRetries: 3,
};

/**
 * A retry's price, in the per cents that each request pays in, and the most that is saved up or owed: a hundred retries.
 * A cap, so that a quiet day does not pay for an hour of storm.
 */
const price = 100;
const savingsMax = 100 * price;

/**
 * All retries of one proxy. What is under way alone (Envoy's budget) bounds a share at a time: when tries fail slowly and
 * retries fast, that share of the time makes more than its share of the requests. So each request pays for its share of a
 * retry too (as in Finagle's RetryBudget).
 */
export class Retries {
  policy: RetryPolicy;
  /** Exchanges under way, those on a retry included; and those on a retry. */
  underWay = 0;
  retrying = 0;
  /** Since the start: retries; and those that were due but over the budget, or would have been one too many. */
  made = 0;
  overBudget = 0;
  exhausted = 0;
  /** Paid in and not spent; below 0 when `minRetries` allowed what nothing had paid for. */
  private savings = 0;

  constructor(policy: RetryPolicy) {
    this.policy = policy;
  }

  /** A request has come. */
  begin(): void {
    this.underWay++;
    this.savings = Math.min(this.savings + this.policy.budgetPercent, savingsMax);
  }

  /** One more retry, if the budget has room for it. `retried`: it is not this request's first, so it has its room. */
  take(retried: boolean): boolean {
    const { budgetPercent, minRetries } = this.policy;
    const share = Math.floor(((this.underWay - this.retrying) * budgetPercent) / 100);
    const room = this.savings < price ? 0 : share;
    if (this.retrying - (retried ? 1 : 0) >= Math.max(minRetries, room)) {
      this.overBudget++;
      return false;
    }
    if (!retried) this.retrying++;
    this.savings = Math.max(this.savings - price, -savingsMax);
    this.made++;
    return true;
  }
}
