// What placements that end in a table of slots have in common: reading shares off the table, comparing two
// tables, and walking one clockwise. A cell holds the owner's seat, 0 for nobody.
import type { FullMember } from "./members.ts";
import type { Preview } from "./ring.ts";

/** The owner's seat of each slot, 0 for nobody. 16 bits a cell where seats fit, doubles where any seat may come. */
export type SlotTable = Uint16Array | Float64Array;

/** Fractions of the key space gathered by old and new owner. */
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

/** Each member's part of the table; with `keysAt`, slot s counts keysAt[s] keys instead of one. */
export function tableShares(
  table: SlotTable,
  members: readonly FullMember[],
  keysAt?: Uint32Array,
): ReadonlyMap<number, number> {
  const counts = new Map(members.map(({ seat }) => [seat, 0]));
  let total = 0;
  for (let start = 0; start < table.length; ) {
    const seat = table[start] as number;
    let keys = 0;
    // Runs of one owner are counted without touching the map: cheap where they are long, harmless where not.
    do keys += keysAt === undefined ? 1 : (keysAt[start] as number);
    while (++start < table.length && table[start] === seat);
    total += keys;
    if (seat !== 0) counts.set(seat, (counts.get(seat) ?? 0) + keys);
  }
  for (const [seat, keys] of counts) counts.set(seat, keys / total);
  return counts;
}

/** The part of the key space whose owner differs between two tables of one size. */
export function tablePreview(
  before: SlotTable,
  after: SlotTable,
  sharesAfter: ReadonlyMap<number, number>,
  keysAt?: Uint32Array,
): Preview {
  const moves: Moves = new Map();
  let total = 0;
  for (let slot = 0; slot < before.length; slot++) {
    const keys = keysAt === undefined ? 1 : (keysAt[slot] as number);
    total += keys;
    if (before[slot] !== after[slot] && keys > 0) {
      addMove(moves, before[slot] as number, after[slot] as number, keys);
    }
  }
  return previewOf(moves, total, sharesAfter);
}

/** Distinct seats in the order in which a clockwise walk from `slot` meets them, then any that own no slot. */
export function* clockwise(
  table: SlotTable,
  slot: number,
  members: readonly FullMember[],
): IterableIterator<number> {
  const seen = new Set<number>();
  for (let step = 0; step < table.length && seen.size < members.length; step++) {
    const seat = table[(slot + step) % table.length] as number;
    if (seat === 0 || seen.has(seat)) continue;
    seen.add(seat);
    yield seat;
  }
  for (const { seat } of members) if (!seen.has(seat)) yield seat;
}
