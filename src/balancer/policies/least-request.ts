// The replica with the fewest requests in flight for its weight. Equals take turns, by weight, so that an idle fleet is
// not served by its first replica alone; see account.ts.
import type { Upstream } from "../../proxy/upstream.ts";
import { type Account, accountsOf, credit, debit, standing } from "./account.ts";
import { type Contender, canTake, type Policy } from "./roster.ts";

export function leastRequest(): Policy {
  let accounts: readonly Account[] = [];
  return ({ contenders }) => {
    accounts = accountsOf(contenders, accounts);
    const mine = accounts;
    return (_request, tried) => leastLoaded(mine, tried);
  };
}

/** The same among a few, for one key: see hashing.ts. */
export function leastRequestAmong(
  contenders: readonly Contender[],
): (tried: readonly Upstream[]) => Upstream | null {
  const accounts = accountsOf(contenders, []);
  return (tried) => leastLoaded(accounts, tried);
}

function leastLoaded(accounts: readonly Account[], tried: readonly Upstream[]): Upstream | null {
  let totalWeight = 0;
  for (const { upstream, weight } of accounts) if (canTake(upstream, tried)) totalWeight += weight;
  let least: Account | null = null;
  let lowest = Number.POSITIVE_INFINITY;
  for (const account of accounts) {
    if (!canTake(account.upstream, tried)) continue;
    credit(account, 1, totalWeight);
    const load = standing(account);
    if (load >= lowest) continue;
    lowest = load;
    least = account;
  }
  if (least === null) return null;
  debit(least);
  return least.upstream;
}
