// What each contender is owed: how many requests it is behind its fair part, or ahead of it. Loads alone cannot keep
// weights when few requests are under way, since they come in whole requests: with four of them over the weights 1, 2
// and 4, one, one and two in flight is the best that there is, at every moment, and gives shares of 25, 25 and 50 %. So a
// contender's load is read with up to half a request less if it is owed some, or more if it is ahead, which moves the
// rounding now to the one side and now to the other. (Without it the rounding is Webster's method of apportionment.)
// Between equal weights a smaller load still wins, always.
import type { Upstream } from "../../proxy/upstream.ts";
import type { Contender } from "./roster.ts";

export interface Account {
  readonly upstream: Upstream;
  readonly weight: number;
  /** In requests, −8…8: a replica that is slow, and therefore gets less, is not paid back for it for ever. */
  owed: number;
}

const owedMax = 8;
/** So that the greatest differences are worth just less than one request. */
const worth = 0.06;

/** Who stays keeps its account when the roster changes. */
export function accountsOf(contenders: readonly Contender[], before: readonly Account[]): readonly Account[] {
  const known = new Map(before.map((account) => [account.upstream, account.owed]));
  return contenders.map(({ upstream, weight }) => ({ upstream, weight, owed: known.get(upstream) ?? 0 }));
}

/** It is owed its part of so many requests. */
export function credit(account: Account, requests: number, totalWeight: number): void {
  account.owed = Math.min(owedMax, account.owed + (requests * account.weight) / totalWeight);
}

/** It gets a request. */
export function debit(account: Account): void {
  account.owed = Math.max(-owedMax, account.owed - 1);
}

/** Its load for its weight; the lowest wins. */
export function standing({ upstream, weight, owed }: Account): number {
  return (upstream.inFlight + 0.5 - worth * owed) / weight;
}
