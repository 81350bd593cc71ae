// Gathering what a change moves, whichever placement finds it out.
import type { Preview } from "./definitions.ts";

/** Amounts of the key space by old and new owner. */
export type Moves = Map<number, Map<number, number>>;

/** Notes that `amount` of the key space goes from one seat to another; 0 stands for nobody. */
export function addMove(moves: Moves, from: number, to: number, amount: number): void {
  let row = moves.get(from);
  if (row === undefined) {
    row = new Map();
    moves.set(from, row);
  }
  row.set(to, (row.get(to) ?? 0) + amount);
}

/** A preview from gathered amounts, of which `total` make the whole key space. */
export function previewOf(moves: Moves, total: number, after: ReadonlyMap<number, number>): Preview {
  let moved = 0;
  const list: Preview["moves"][number][] = [];
  for (const [from, row] of [...moves].sort(([a], [b]) => a - b)) {
    for (const [to, amount] of [...row].sort(([a], [b]) => a - b)) {
      moved += amount;
      list.push({ from: from || null, to: to || null, fraction: amount / total });
    }
  }
  return { moved: moved / total, moves: list, after };
}
