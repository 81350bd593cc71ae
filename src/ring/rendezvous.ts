// Rendezvous (highest random weight) hashing, made into a table: for each slot every seat has a score, and the
// best score owns the slot. Thaler & Ravishankar 1998; weights as −ln(u)/w after Schindelhauer & Schomaker 2005.
// A lookup reads one cell. How the table is made and changed is in rendezvous-table.ts.

import type { Ring, RingChange, RingOptions } from "./definitions.ts";
import { changedMembers, type FullMember } from "./members.ts";
import {
  type Contest,
  contest,
  emptyTable,
  inOrderOfScore,
  retabling,
  type Table,
} from "./rendezvous-table.ts";
import { compareTables, slotter, tableShares } from "./slot-table.ts";
import { finished } from "./steps.ts";

/** Default table size: at 100 equal servers the largest share is about 5 % above the average. */
const defaultSlots = 262_144;

/** Table cells have 16 bits, and 0 means nobody. */
export const rendezvousSeatMax = 0xffff;

/** A rendezvous ring; `members` are checked already. */
export function rendezvousRing(options: RingOptions, members: readonly FullMember[]): Ring {
  const contenders = contest(options, members);
  const nobody = emptyTable(options.slots ?? defaultSlots);
  return ringOf(options, contenders, finished(retabling(nobody, [], contenders)));
}

function ringOf(options: RingOptions, contenders: Contest, table: Table): Ring {
  const { members } = contenders;
  const { owners } = table;
  const slots = owners.length;
  const slotOf = slotter(options, slots);

  function* withInSteps(change: RingChange): Generator<undefined, Ring> {
    const next = contest(options, changedMembers(members, change, rendezvousSeatMax));
    return ringOf(options, next, yield* retabling(table, members, next));
  }
  const ring: Ring = {
    placement: "rendezvous",
    slots,
    members,
    lookup: (key) => owners[slotOf(key)] as number,
    slotOf,
    ownerOf: (hash) => owners[hash % slots] as number,
    candidates: (key) => inOrderOfScore(contenders, owners, slotOf(key)),
    shares: () => tableShares(owners, members),
    with: (change) => finished(withInSteps(change)),
    withInSteps,
    compare: (after) => compareTables(ring, after),
    preview: (change) => compareTables(ring, ring.with(change)),
  };
  return ring;
}
