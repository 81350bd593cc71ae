// The course project's scheme: M slots, K virtual nodes per server placed by Φ with probing, a request's H taken
// clockwise to the nearest taken slot. Kept bit for bit, weaknesses included: with these H and Φ the servers'
// shares are far from equal (docs/ring.md says why). The table is placed anew at each change, in ascending order
// of seats, so that it depends on the members alone.

import type { Key, Ring, RingOptions } from "./definitions.ts";
import { checkedNodeHash, checkedRequestHash, safeInteger, stringHash } from "./hash.ts";
import { changedMembers, type FullMember } from "./members.ts";
import { clockwise, compareTables, tableShares } from "./slot-table.ts";
import { inOneStep } from "./steps.ts";

/** M of the course scheme. */
const assignmentSlots = 512;

/** K of the course scheme: virtual nodes of a server of weight 1. */
const assignmentVirtualNodes = 9;

/** Squares of residues below this stay exact in doubles. */
export const assignmentSlotsMax = 0x100_0000;

/** An assignment ring; `members` are checked already. */
export function assignmentRing(options: RingOptions, members: readonly FullMember[]): Ring {
  const slots = options.slots ?? assignmentSlots;
  const placed = placeAll(options, slots, members);
  const owners = nearestTaken(placed);
  const userHash = checkedRequestHash(options.requestHash);
  // How many residues H sends to each slot: with it, shares are exact for uniformly spread ids. What a user's own
  // function does cannot be known, so then each slot counts the same.
  const keysAt = userHash === undefined ? residuesBySlot(slots) : undefined;

  const slotOf = (key: Key) =>
    userHash === undefined ? requestSlot(requestId(key), slots) : userHash(key) % slots;
  const ring: Ring = {
    placement: "assignment",
    slots,
    members,
    lookup: (key) => owners[slotOf(key)] as number,
    slotOf,
    ownerOf: (hash) => owners[hash % slots] as number,
    candidates: (key) => clockwise(owners, slotOf(key), members),
    shares: () => tableShares(owners, members, keysAt),
    with: (change) => assignmentRing(options, changedMembers(members, change, Number.MAX_SAFE_INTEGER)),
    withInSteps: (change) => inOneStep(() => ring.with(change)),
    compare: (after) => compareTables(ring, after, keysAt),
    preview: (change) => ring.compare(ring.with(change)),
  };
  return ring;
}

/** The request id i of a key: a number is one already, text is hashed to 32 bits. */
function requestId(key: Key): number {
  return typeof key === "string" ? stringHash(key) : safeInteger(key);
}

/** H(i) = i² + 2i + 17 mod M, exact for every safe integer since it is worked out on i mod M. */
export function requestSlot(id: number, slots: number): number {
  const i = residue(id, slots);
  return (i * i + 2 * i + 17) % slots;
}

/** Φ(i, j) = i² + j² + 2j + 25 mod M, exact likewise. */
export function virtualNodeSlot(serverId: number, j: number, slots: number): number {
  const i = residue(serverId, slots);
  const n = residue(j, slots);
  return (i * i + n * n + 2 * n + 25) % slots;
}

function residue(value: number, modulus: number): number {
  const remainder = value % modulus;
  return remainder < 0 ? remainder + modulus : remainder;
}

/** How many servers of weight 1 a table of `slots` holds. */
export function assignmentCapacity({
  slots = assignmentSlots,
  virtualNodes = assignmentVirtualNodes,
}: RingOptions) {
  return Math.floor(slots / virtualNodes);
}

// A server of weight w has round(K·w) virtual nodes, at least one.
function nodeCount(member: FullMember, { virtualNodes = assignmentVirtualNodes }: RingOptions): number {
  return Math.max(1, Math.round(virtualNodes * member.weight));
}

// Slot → seat of the virtual node in it, 0 where none is.
function placeAll(options: RingOptions, slots: number, members: readonly FullMember[]): Float64Array {
  refuseOverflow(options, slots, members);
  const taken = new Float64Array(slots);
  const userHash = checkedNodeHash(options.virtualNodeHash);
  for (const member of members) {
    for (let j = 0; j < nodeCount(member, options); j++) {
      const { seat } = member;
      const start = userHash === undefined ? virtualNodeSlot(seat, j, slots) : userHash(seat, j) % slots;
      taken[freeSlot(taken, start, options.probing ?? "linear")] = seat;
    }
  }
  return taken;
}

function refuseOverflow(options: RingOptions, slots: number, members: readonly FullMember[]): void {
  const nodes = members.reduce((sum, member) => sum + nodeCount(member, options), 0);
  if (nodes <= slots) return;
  throw new RangeError(
    `Cannot place ${members.length} servers: they need ${nodes} virtual nodes and the table has ${slots} slots, ` +
      `room for ${assignmentCapacity({ ...options, slots })} servers of weight 1; use fewer servers, more slots or another placement`,
  );
}

// Quadratic probing takes triangular steps p(p+1)/2: on a table whose size is a power of two they reach every slot,
// where +p² reaches 87 of 512.
function freeSlot(taken: Float64Array, start: number, probing: "linear" | "quadratic"): number {
  let slot = start;
  for (let step = 1; taken[slot] !== 0; step++)
    slot = (slot + (probing === "linear" ? 1 : step)) % taken.length;
  return slot;
}

// Slot → seat that a request in this slot goes to: the slot's own, or the next taken one clockwise.
function nearestTaken(placed: Float64Array): Float64Array {
  const owners = placed.slice();
  let owner = placed.find((seat) => seat !== 0) ?? 0; // the wrap-around: the first after the last slot
  for (let slot = owners.length - 1; slot >= 0; slot--) {
    if (owners[slot] === 0) owners[slot] = owner;
    else owner = owners[slot] as number;
  }
  return owners;
}

function residuesBySlot(slots: number): Uint32Array {
  const counts = new Uint32Array(slots);
  for (let id = 0; id < slots; id++) {
    const slot = requestSlot(id, slots);
    counts[slot] = (counts[slot] as number) + 1;
  }
  return counts;
}
