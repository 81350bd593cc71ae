// What placements that end in a table of slots have in common: reading shares off the table, comparing two
// tables, and walking one clockwise. A cell holds the owner's seat, 0 for nobody.

import type { Key, Preview, Ring, RingOptions } from "./definitions.ts";
import { checkedRequestHash, keyHash } from "./hash.ts";
import type { FullMember } from "./members.ts";
import { addMove, type Moves, previewOf } from "./preview.ts";

/** The owner's seat of each slot, 0 for nobody. 16 bits a cell where seats fit, doubles where any seat may come. */
export type SlotTable = Uint16Array | Float64Array;

/** How keys find their slot: the hash modulo M, which for a power of two is a mask. */
export function slotter({ requestHash }: RingOptions, slots: number): (key: Key) => number {
  const userHash = checkedRequestHash(requestHash);
  if (userHash !== undefined) return (key) => userHash(key) % slots;
  if ((slots & (slots - 1)) === 0) return (key) => keyHash(key) & (slots - 1);
  return (key) => keyHash(key) % slots;
}

/** Each member's part of the table; with `keysAt`, slot s counts keysAt[s] keys instead of one. */
export function tableShares(
  table: SlotTable,
  members: readonly FullMember[],
  keysAt?: Uint32Array,
): ReadonlyMap<number, number> {
  const seatMax = members.at(-1)?.seat ?? 0;
  // Seats are small as a rule, and then an array counts; a map is for the odd ring with enormous ones.
  const counts = seatMax <= 0xffff ? countDense(table, seatMax, keysAt) : countSparse(table, keysAt);
  const total = keysAt === undefined ? table.length : keysAt.reduce((sum, keys) => sum + keys, 0);
  return new Map(members.map(({ seat }) => [seat, (counts(seat) ?? 0) / total]));
}

type Counts = (seat: number) => number | undefined;

function countDense(table: SlotTable, seatMax: number, keysAt?: Uint32Array): Counts {
  const counts = new Float64Array(seatMax + 1);
  for (let slot = 0; slot < table.length; slot++) {
    const seat = table[slot] as number;
    counts[seat] = (counts[seat] as number) + (keysAt === undefined ? 1 : (keysAt[slot] as number));
  }
  return (seat) => counts[seat];
}

function countSparse(table: SlotTable, keysAt?: Uint32Array): Counts {
  const counts = new Map<number, number>();
  table.forEach((seat, slot) => {
    counts.set(seat, (counts.get(seat) ?? 0) + (keysAt === undefined ? 1 : (keysAt[slot] as number)));
  });
  return (seat) => counts.get(seat);
}

/** What moves from one table to another of the same size; `keysAt` as in {@link tableShares}. */
export function compareTables(before: Ring, after: Ring, keysAt?: Uint32Array): Preview {
  refuseUnlike(before, after);
  const moves: Moves = new Map();
  let total = 0;
  for (let slot = 0; slot < before.slots; slot++) {
    const keys = keysAt === undefined ? 1 : (keysAt[slot] as number);
    total += keys;
    const from = before.ownerOf(slot);
    const to = after.ownerOf(slot);
    if (from !== to && keys > 0) addMove(moves, from, to, keys);
  }
  return previewOf(moves, total, after.shares());
}

function refuseUnlike(before: Ring, after: Ring): void {
  if (before.placement === after.placement && before.slots === after.slots) return;
  throw new RangeError(
    `Cannot compare ${before.placement} of ${before.slots} slots with ${after.placement} of ${after.slots}: ` +
      "compare rings of one placement and size",
  );
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
