// The replica with the fewest requests in flight for its weight. Equals take turns by weight (as in nginx's least_conn),
// so that an idle fleet is not served by its first replica alone.
import type { Upstream } from "../../proxy/upstream.ts";
import { type Contender, canTake, type Policy } from "./roster.ts";
import { type Turn, takeTurn, turnsOf } from "./round-robin.ts";

export function leastRequest(): Policy {
  let turns: readonly Turn[] = [];
  return ({ contenders }) => {
    turns = turnsOf(contenders, turns);
    const mine = turns;
    return (_request, tried) => leastLoaded(mine, tried);
  };
}

/** The same among a few, for one key: see hashing.ts. */
export function leastRequestAmong(
  contenders: readonly Contender[],
): (tried: readonly Upstream[]) => Upstream | null {
  const turns = turnsOf(contenders, []);
  return (tried) => leastLoaded(turns, tried);
}

function leastLoaded(turns: readonly Turn[], tried: readonly Upstream[]): Upstream | null {
  let least = Number.POSITIVE_INFINITY;
  for (const turn of turns) {
    const { upstream, weight } = turn;
    turn.load = canTake(upstream, tried) ? upstream.inFlight / weight : Number.POSITIVE_INFINITY;
    if (turn.load < least) least = turn.load;
  }
  const somebody = least < Number.POSITIVE_INFINITY;
  for (const turn of turns) turn.inTurn = somebody && turn.load === least;
  return takeTurn(turns);
}
