// Maglev hashing: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, §3.4.
// Each server goes through the slots in an order of its own, and the servers take turns at taking their next free
// slot, so shares are as even as they can be; in exchange a change moves some keys between servers that stay.
import { checkedNodeHash, numberHash, pairHash } from "./hash.ts";
import { changedMembers, type FullMember } from "./members.ts";
import type { Ring, RingOptions } from "./ring.ts";
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

/** A server's way through the slots: offset, offset + skip, offset + 2·skip, … */
interface Walk {
  readonly seat: number;
  /** Part of a turn that the server gets each round: weight over the greatest weight, so 1 when all are equal. */
  readonly pace: number;
  readonly skip: number;
  /** The slot to try next. */
  slot: number;
  /** Turns saved up; a server takes a slot for each whole one. */
  turns: number;
}

// The paper's populate step. With weights (the paper only says that it can be done) a server takes its turn in
// as many rounds as its weight is of the greatest one.
function populated(options: RingOptions, members: readonly FullMember[]): Uint16Array {
  const slots = options.slots ?? maglevSlots;
  refuseOverflow(slots, members);
  const owners = new Uint16Array(slots);
  const walks = walksOf(options, members, slots);
  for (let filled = 0; walks.length > 0; ) {
    for (const walk of walks) {
      walk.turns += walk.pace;
      if (walk.turns < 1) continue;
      walk.turns -= 1;
      takeNext(owners, walk);
      if (++filled === slots) return owners;
    }
  }
  return owners;
}

function takeNext(owners: Uint16Array, walk: Walk): void {
  while (owners[walk.slot] !== 0) walk.slot = (walk.slot + walk.skip) % owners.length;
  owners[walk.slot] = walk.seat;
}

function walksOf(options: RingOptions, members: readonly FullMember[], slots: number): Walk[] {
  const greatest = Math.max(...members.map(({ weight }) => weight));
  const hash = checkedNodeHash(options.virtualNodeHash) ?? ((seat, j) => pairHash(numberHash(seat), j + 1));
  return members.map(({ seat, weight }) => ({
    seat,
    pace: weight / greatest,
    slot: hash(seat, 0) % slots,
    skip: (hash(seat, 1) % (slots - 1)) + 1,
    turns: 0,
  }));
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
