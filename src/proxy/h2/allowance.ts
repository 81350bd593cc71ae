// How much of what costs us more than the client one connection may do: resets of streams that we have begun to serve
// (CVE-2023-44487), malformed requests, pings, changed settings. A bucket that refills evenly. Pure.

/** An empty bucket is full again after this. */
export const refillMs = 10_000;

export class Allowance {
  private readonly max: number;
  private left: number;
  private atMs: number;

  /** `max`: at once, and in {@link refillMs}. */
  constructor(max: number, nowMs: number) {
    this.max = max;
    this.left = max;
    this.atMs = nowMs;
  }

  /** Takes one; false: it was too much. */
  take(nowMs: number): boolean {
    this.left = Math.min(this.max, this.left + ((nowMs - this.atMs) * this.max) / refillMs);
    this.atMs = nowMs;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
