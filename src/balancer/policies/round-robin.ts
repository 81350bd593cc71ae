// Smooth weighted round robin, as nginx does it since 1.3.1 (ngx_http_upstream_round_robin.c): each turn gives everybody
// credit by weight, the richest is chosen and pays what all were given. Weights 5, 1, 1 give a a b a c a a instead of
// a a a a a b c. In a cycle each is chosen exactly as often as its weight says.
import type { Upstream } from "../../proxy/upstream.ts";
import { type Contender, canTake, type Policy } from "./roster.ts";

/** A contender's place in the round. */
interface Turn {
  readonly upstream: Upstream;
  readonly weight: number;
  /** The credits of all add up to 0 as long as nobody leaves. */
  credit: number;
}

export function roundRobin(): Policy {
  let turns: readonly Turn[] = [];
  return ({ contenders }) => {
    turns = turnsOf(contenders, turns);
    const mine = turns;
    return (_request, tried) => nextInTurn(mine, tried);
  };
}

/**
 * Who stays keeps its credit, measured anew if the weights' sum has changed: else a replica that was chosen just before
 * its weight went from 1000 to 1 would wait for a thousand turns. Who comes has none.
 */
function turnsOf(contenders: readonly Contender[], before: readonly Turn[]): readonly Turn[] {
  const known = new Map(before.map((turn) => [turn.upstream, turn.credit]));
  const scale = sumOf(contenders) / (sumOf(before) || 1);
  return contenders.map(({ upstream, weight }) => {
    return { upstream, weight, credit: (known.get(upstream) ?? 0) * scale };
  });
}

function sumOf(all: readonly { readonly weight: number }[]): number {
  return all.reduce((sum, { weight }) => sum + weight, 0);
}

function nextInTurn(turns: readonly Turn[], tried: readonly Upstream[]): Upstream | null {
  let given = 0;
  let richest: Turn | null = null;
  for (const turn of turns) {
    if (!canTake(turn.upstream, tried)) continue;
    turn.credit += turn.weight;
    given += turn.weight;
    if (richest === null || turn.credit > richest.credit) richest = turn;
  }
  if (richest === null) return null;
  richest.credit -= given;
  return richest.upstream;
}
