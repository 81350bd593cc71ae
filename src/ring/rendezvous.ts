// Rendezvous (highest random weight) hashing, made into a table: for each slot every seat has a score, and the
// best score owns the slot. Thaler & Ravishankar 1998; weights as −ln(u)/w after Schindelhauer & Schomaker 2005.
//
// The winning scores are kept beside the owners. A join therefore compares one new score with one kept score per
// slot, and a leave scores again only the leaver's own slots: both touch no slot of anyone else, and both give
// the very table that a build from nothing gives. This file does not check members; members.ts does.
import { checkedNodeHash, checkedRequestHash, keyHash, numberHash, pairHash, seatLane } from "./hash.ts";
import { changedMembers, equalWeights, type FullMember } from "./members.ts";
import type { Key, Ring, RingChange, RingOptions } from "./ring.ts";
import { tablePreview, tableShares } from "./slot-table.ts";

/** Default table size: at 100 equal servers the largest share is about 5 % above the average. */
export const rendezvousSlots = 262_144;

/** Table cells have 16 bits, and 0 means nobody. */
export const rendezvousSeatMax = 0xffff;

interface Table {
  /** Owner's seat by slot, 0 for nobody. */
  readonly owners: Uint16Array;
  /** The owner's score by slot, an integer in 0…2^53 − 1; −1 where nobody owns. */
  readonly scores: Float64Array;
}

/** A rendezvous ring; `members` are checked already. */
export function rendezvousRing(options: RingOptions, members: readonly FullMember[]): Ring {
  const slots = options.slots ?? rendezvousSlots;
  const empty: Table = { owners: new Uint16Array(slots), scores: new Float64Array(slots).fill(-1) };
  const all = contest(options, members);
  return ringOf(options, all, retabled(empty, [], all));
}

function ringOf(options: RingOptions, contenders: Contest, table: Table): Ring {
  const { members } = contenders;
  const { owners } = table;
  const slots = owners.length;
  const mask = (slots & (slots - 1)) === 0 ? slots - 1 : 0;
  const userHash = checkedRequestHash(options.requestHash);

  function slotOf(key: Key): number {
    if (userHash !== undefined) return userHash(key) % slots;
    const hash = keyHash(key);
    return mask !== 0 ? hash & mask : hash % slots;
  }
  function after(change: RingChange) {
    const next = contest(options, changedMembers(members, change, rendezvousSeatMax));
    return { next, table: retabled(table, members, next) };
  }
  return {
    placement: "rendezvous",
    slots,
    members,
    lookup: (key) => owners[slotOf(key)] as number,
    slotOf,
    ownerOf: (hash) => owners[hash % slots] as number,
    candidates: (key) => inOrderOfScore(contenders, table, slotOf(key)),
    shares: () => tableShares(owners, members),
    with(change) {
      const { next, table } = after(change);
      return ringOf(options, next, table);
    },
    preview(change) {
      const { next, table } = after(change);
      return tablePreview(owners, table.owners, tableShares(table.owners, next.members));
    },
  };
}

/** What decides who gets a slot: the members, and how a member scores at a slot. */
interface Contest {
  readonly members: readonly FullMember[];
  /** True when no logarithm is needed: the higher score wins as it is. */
  readonly equal: boolean;
  readonly weightOf: Float64Array;
  /** The score's upper 32 bits for a slot and a member's index. */
  high(slot: number, index: number): number;
  /** The score's lower 21 bits. */
  low(slot: number, index: number): number;
}

function contest(options: RingOptions, members: readonly FullMember[]): Contest {
  const equal = equalWeights(members);
  const weightOf = new Float64Array((members.at(-1)?.seat ?? 0) + 1);
  for (const { seat, weight } of members) weightOf[seat] = weight;
  return { members, equal, weightOf, ...scoring(options, members) };
}

function scoring(
  { virtualNodeHash }: RingOptions,
  members: readonly FullMember[],
): Pick<Contest, "high" | "low"> {
  const userHash = checkedNodeHash(virtualNodeHash);
  if (userHash === undefined) {
    const highLanes = Int32Array.from(members, ({ seat }) => seatLane(seat, 0));
    const lowLanes = Int32Array.from(members, ({ seat }) => seatLane(seat, 1));
    return {
      high: (slot, index) => pairHash(slot, highLanes[index] as number),
      low: (slot, index) => pairHash(slot, lowLanes[index] as number) >>> 11,
    };
  }
  // A user's hash may be narrow or patterned, so its value is spread over the score's bits, not used as the score.
  const seats = members.map(({ seat }) => seat);
  const spread = (slot: number, index: number, lane: number) =>
    pairHash(numberHash(userHash(seats[index] as number, slot)), lane);
  return {
    high: (slot, index) => spread(slot, index, 0x2545f491),
    low: (slot, index) => spread(slot, index, 0x6c62272e) >>> 11,
  };
}

// The table for the members of `contest`, made from the table for `before`. Whoever left or lost weight gives up
// slots, which all others contest again; whoever joined or gained weight challenges every owner; nothing else can
// change hands.
function retabled(table: Table, before: readonly FullMember[], contest: Contest): Table {
  const next = { owners: table.owners.slice(), scores: table.scores.slice() };
  const was = new Map(before.map(({ seat, weight }) => [seat, weight]));
  const losers = new Uint8Array(rendezvousSeatMax + 1);
  losers[0] = 1;
  for (const { seat, weight } of before) if ((contest.weightOf[seat] ?? 0) < weight) losers[seat] = 1;
  reassign(next, contest, losers);
  if (before.length === 0) return next;
  contest.members.forEach(({ seat, weight }, index) => {
    if (weight > (was.get(seat) ?? 0)) challenge(next, contest, index);
  });
  return next;
}

// Scores every member at every slot that a loser owns.
function reassign(table: Table, contest: Contest, losers: Uint8Array): void {
  const { owners } = table;
  const decide = contest.equal ? decideEqual : decideWeighted;
  for (let slot = 0; slot < owners.length; slot++) {
    if (losers[owners[slot] as number] === 1) decide(table, contest, slot);
  }
}

const lowRange = 0x20_0000; // 2^21
const highRange = 0x1_0000_0000; // 2^32
const scoreRange = highRange * lowRange; // 2^53

// Most seats lose on their upper 32 bits already; the lower 21 are worked out only for the others.
function decideEqual({ owners, scores }: Table, { members, high, low }: Contest, slot: number): void {
  let best = -1;
  let bestHigh = -1;
  let owner = 0;
  for (let index = 0; index < members.length; index++) {
    const upper = high(slot, index);
    if (upper < bestHigh) continue;
    const score = upper * lowRange + low(slot, index);
    if (score <= best) continue; // of equal scores the lower seat's wins: members are in order of seats
    best = score;
    bestHigh = upper;
    owner = (members[index] as FullMember).seat;
  }
  owners[slot] = owner;
  scores[slot] = best;
}

// With weights the lowest cost −ln(u)/w wins, u = (score + 1) / 2^53. Since −ln(u) ≥ 1 − u, a seat whose
// (1 − u)/w exceeds the best cost cannot win, and of N seats only about ln N need a logarithm. The margin is far
// wider than any rounding.
const margin = 1 + 1e-9;

function decideWeighted({ owners, scores }: Table, { members, high, low }: Contest, slot: number): void {
  let best: Entry = { seat: 0, weight: 0, score: -1, cost: Number.POSITIVE_INFINITY };
  for (let index = 0; index < members.length; index++) {
    const { seat, weight } = members[index] as FullMember;
    const upper = high(slot, index);
    if (highRange - 1 - upper > best.cost * weight * margin * highRange) continue;
    const entry = entryOf(seat, weight, upper * lowRange + low(slot, index));
    if (wins(entry, best)) best = entry;
  }
  owners[slot] = best.seat;
  scores[slot] = best.score;
}

/** A seat's standing at one slot. */
interface Entry {
  readonly seat: number;
  readonly weight: number;
  readonly score: number;
  /** −ln(u)/w; the lowest wins. */
  readonly cost: number;
}

function entryOf(seat: number, weight: number, score: number): Entry {
  return { seat, weight, score, cost: -Math.log((score + 1) / scoreRange) / weight };
}

// Where rounding makes two costs equal, scores decide between equal weights, so that the order among seats of
// one weight is the order of their scores, with or without logarithms.
function wins(a: Entry, b: Entry): boolean {
  if (a.cost !== b.cost) return a.cost < b.cost;
  if (a.weight !== b.weight) return a.weight < b.weight;
  return a.score !== b.score ? a.score > b.score : a.seat < b.seat;
}

// Compares one member with the owner of every slot, and seats it where it wins.
function challenge(table: Table, contest: Contest, index: number): void {
  if (contest.equal) challengeEqual(table, contest, index);
  else challengeWeighted(table, contest, index);
}

function challengeEqual({ owners, scores }: Table, { members, high, low }: Contest, index: number): void {
  const { seat } = members[index] as FullMember;
  for (let slot = 0; slot < owners.length; slot++) {
    const upper = high(slot, index);
    const kept = scores[slot] as number;
    if ((upper + 1) * lowRange <= kept) continue;
    const score = upper * lowRange + low(slot, index);
    if (score < kept || (score === kept && seat >= (owners[slot] as number))) continue;
    owners[slot] = seat;
    scores[slot] = score;
  }
}

// The owner's cost is at most (1 − u)/(u·w), so here too a comparison without divisions spares the logarithms.
function challengeWeighted({ owners, scores }: Table, contest: Contest, index: number): void {
  const { members, weightOf, high, low } = contest;
  const { seat, weight } = members[index] as FullMember;
  for (let slot = 0; slot < owners.length; slot++) {
    const owner = owners[slot] as number;
    const ownerWeight = weightOf[owner] as number;
    const kept = (scores[slot] as number) + 1;
    const upper = high(slot, index);
    if (
      (highRange - 1 - upper) * lowRange * kept * ownerWeight >
      (scoreRange - kept) * weight * margin * scoreRange
    )
      continue;
    if (owner === seat) continue;
    const score = upper * lowRange + low(slot, index);
    if (!wins(entryOf(seat, weight, score), entryOf(owner, ownerWeight, kept - 1))) continue;
    owners[slot] = seat;
    scores[slot] = score;
  }
}

// The owner comes from the table; only a caller that wants a second seat pays for scores, and only one that goes
// beyond a few pays for sorting.
function* inOrderOfScore(contest: Contest, { owners }: Table, slot: number): IterableIterator<number> {
  const { members, high, low } = contest;
  if (members.length === 0) return;
  yield owners[slot] as number;
  let entries = members.map(({ seat, weight }, index) =>
    entryOf(seat, weight, high(slot, index) * lowRange + low(slot, index)),
  );
  entries = entries.filter(({ seat }) => seat !== owners[slot]);
  for (let scans = 0; scans < 3 && entries.length > 0; scans++) {
    const best = entries.reduce((a, b) => (wins(b, a) ? b : a));
    entries = entries.filter((entry) => entry !== best);
    yield best.seat;
  }
  entries.sort((a, b) => (wins(a, b) ? -1 : 1));
  for (const { seat } of entries) yield seat;
}
