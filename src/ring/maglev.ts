// Maglev hashing: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, §3.4.
// Each server goes through the slots in an order of its own, and the servers take turns at taking their next free
// slot, so shares are as even as they can be; in exchange a change moves some keys between servers that stay.

import type { Ring, RingOptions } from "./definitions.ts";
import { checkedNodeHash, numberHash, pairHash } from "./hash.ts";
import { changedMembers, type FullMember } from "./members.ts";
import { clockwise, compareTables, slotter, tableShares } from "./slot-table.ts";
import { inOneStep } from "./steps.ts";

/** Default table size; the paper's smaller one. Must be prime, or a server's order would miss slots. */
export const maglevSlots = 65_537;

/** Table cells have 16 bits, and 0 means nobody. */
export const maglevSeatMax = 0xffff;

/** A Maglev ring; `members` are checked already. */
export function maglevRing(options: RingOptions, members: readonly FullMember[]): Ring {
  const owners = populated(options, members);
  const slotOf = slotter(options, owners.length);
  const ring: Ring = {
    placement: "maglev",
    slots: owners.length,
    members,
    lookup: (key) => owners[slotOf(key)] as number,
    slotOf,
    ownerOf: (hash) => owners[hash % owners.length] as number,
    candidates: (key) => clockwise(owners, slotOf(key), members),
    shares: () => tableShares(owners, members),
    with: (change) => maglevRing(options, changedMembers(members, change, maglevSeatMax)),
    withInSteps: (change) => inOneStep(() => ring.with(change)),
    compare: (after) => compareTables(ring, after),
    preview: (change) => compareTables(ring, ring.with(change)),
  };
  return ring;
}

// The paper's populate step, over arrays by member: where each is on its way through the slots (offset, offset + skip,
// offset + 2·skip, …) and how it is doing. With weights (the paper only says that it can be done) a member saves up
// its part of a turn each round, its weight over the greatest weight, and takes a slot for each whole turn.
function populated(options: RingOptions, members: readonly FullMember[]): Uint16Array {
  const slots = options.slots ?? maglevSlots;
  refuseOverflow(slots, members);
  const owners = new Uint16Array(slots);
  const greatest = members.reduce((most, { weight }) => Math.max(most, weight), 0);
  const paces = Float64Array.from(members, ({ weight }) => weight / greatest);
  const turns = new Float64Array(members.length);
  const { positions, skips } = walks(options, members, slots);
  for (let filled = 0; members.length > 0; ) {
    for (let i = 0; i < members.length; i++) {
      const saved = (turns[i] as number) + (paces[i] as number);
      turns[i] = saved < 1 ? saved : saved - 1;
      if (saved < 1) continue;
      const slot = nextFree(owners, positions[i] as number, skips[i] as number);
      owners[slot] = (members[i] as FullMember).seat;
      positions[i] = slot;
      if (++filled === slots) return owners;
    }
  }
  return owners;
}

function nextFree(owners: Uint16Array, start: number, skip: number): number {
  const slots = owners.length;
  let slot = start;
  while (owners[slot] !== 0) {
    slot += skip;
    if (slot >= slots) slot -= slots;
  }
  return slot;
}

function walks(options: RingOptions, members: readonly FullMember[], slots: number) {
  const hash = checkedNodeHash(options.virtualNodeHash) ?? ((seat, j) => pairHash(numberHash(seat), j + 1));
  return {
    positions: Int32Array.from(members, ({ seat }) => hash(seat, 0) % slots),
    skips: Int32Array.from(members, ({ seat }) => (hash(seat, 1) % (slots - 1)) + 1),
  };
}

function refuseOverflow(slots: number, members: readonly FullMember[]): void {
  if (members.length <= slots) return;
  throw new RangeError(
    `Cannot place ${members.length} servers in ${slots} slots; use a greater prime for slots`,
  );
}

/** Refuses a table size that is not a prime, naming the next one. */
export function checkPrime(slots: number): void {
  if (isPrime(slots)) return;
  let next = slots + 1;
  while (!isPrime(next)) next++;
  throw new RangeError(`Cannot make a maglev ring of ${slots} slots: a prime is needed; the next is ${next}`);
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return n >= 2;
}
