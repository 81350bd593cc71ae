// The power of two choices (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001): of two
// replicas drawn by weight, the one with fewer requests in flight for its weight. Nearly as even as asking all, at the
// same small cost however many there are, and several front doors do not all run to the same idle replica.
import type { Upstream } from "../../proxy/upstream.ts";
import { type Account, accountsOf, credit, debit, standing } from "./account.ts";
import { canTake, type Policy } from "./roster.ts";

/** Draws before the rare request for which all drawn were unfit is given to anybody fit. */
const drawsMax = 8;

/** @param random a number in 0…1, 1 excluded */
export function twoChoices(random: () => number = Math.random): Policy {
  let accounts: readonly Account[] = [];
  return ({ contenders }) => {
    accounts = accountsOf(contenders, accounts);
    const mine = accounts;
    const draw = drawing(mine, random);
    let uncredited = 0;
    return (_request, tried) => {
      const first = draw(tried, null) ?? anyFit(mine, tried, random);
      if (first === null) return null;
      const second = draw(tried, first);
      const better = second !== null && standing(second) < standing(first) ? second : first;
      debit(better);
      if (++uncredited >= mine.length) {
        creditAll(mine, uncredited);
        uncredited = 0;
      }
      return better.upstream;
    };
  };
}

/** Once for as many requests as there are contenders, so that each request pays for one of them. */
function creditAll(accounts: readonly Account[], requests: number): void {
  let totalWeight = 0;
  for (const { upstream, weight } of accounts) if (upstream.accepting) totalWeight += weight;
  for (const account of accounts) if (account.upstream.accepting) credit(account, requests, totalWeight);
}

type Draw = (tried: readonly Upstream[], butNot: Account | null) => Account | null;

/** Draws by weight: a point on the line on which each has its weight as length. */
function drawing(accounts: readonly Account[], random: () => number): Draw {
  const ends = new Float64Array(accounts.length);
  let total = 0;
  accounts.forEach(({ weight }, index) => {
    total += weight;
    ends[index] = total;
  });
  return (tried, butNot) => {
    for (let draws = 0; draws < drawsMax && accounts.length > 0; draws++) {
      const drawn = accounts[indexAt(ends, random() * total)] as Account;
      if (drawn !== butNot && canTake(drawn.upstream, tried)) return drawn;
    }
    return null;
  };
}

/** The first whose end lies beyond the point; the last where rounding put the point at the very end. */
function indexAt(ends: Float64Array, point: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] as number) > point) high = middle;
    else low = middle + 1;
  }
  return low;
}

function anyFit(
  accounts: readonly Account[],
  tried: readonly Upstream[],
  random: () => number,
): Account | null {
  const fit = accounts.filter(({ upstream }) => canTake(upstream, tried));
  return drawing(fit, random)(tried, null);
}
