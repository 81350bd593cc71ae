// The rendezvous table. The winning scores are kept beside the owners: a join compares one new score with one kept
// score per slot, and a leave scores again only the leaver's own slots. Both touch no slot of anyone else, and both
// give the very table that a build from nothing gives. This file knows no keys and does not check members.

import type { RingOptions } from "./definitions.ts";
import { checkedNodeHash, numberHash, pairHash, seatLane } from "./hash.ts";
import { minusLog } from "./logarithm.ts";
import { equalWeights, type FullMember } from "./members.ts";

/** Never changed once it is made. */
export interface Table {
  /** Owner's seat by slot, 0 for nobody. */
  readonly owners: Uint16Array;
  /** The owner's score by slot, an integer in 0…2^53 − 1; −1 where nobody owns. */
  readonly scores: Float64Array;
}

/** A table in which nobody owns anything. */
export function emptyTable(slots: number): Table {
  return { owners: new Uint16Array(slots), scores: new Float64Array(slots).fill(-1) };
}

/** What decides who gets a slot: the members, and how a member scores at a slot. Arrays are by member index. */
export interface Contest {
  readonly members: readonly FullMember[];
  /** True when no logarithm is needed: the higher score wins as it is. */
  readonly equal: boolean;
  readonly seats: Uint16Array;
  readonly weights: Float64Array;
  /** Index by seat; 0 for seats that are not members too, so only to be asked about owners. */
  readonly indexOf: Uint16Array;
  /** Per member the lanes of the score's upper 32 and lower 21 bits. */
  readonly highLanes: Int32Array;
  readonly lowLanes: Int32Array;
  readonly userHash: ((seat: number, slot: number) => number) | undefined;
}

/** The contest among `members`. */
export function contest(options: RingOptions, members: readonly FullMember[]): Contest {
  const seats = Uint16Array.from(members, ({ seat }) => seat);
  const indexOf = new Uint16Array((members.at(-1)?.seat ?? 0) + 1);
  members.forEach(({ seat }, index) => {
    indexOf[seat] = index;
  });
  const userHash = checkedNodeHash(options.virtualNodeHash);
  // With a user's hash all members share a lane, since the hash has told them apart (see `point`).
  const lanes = (lane: 0 | 1) => Int32Array.from(seats, (seat) => seatLane(userHash ? 0 : seat, lane));
  return {
    members,
    equal: equalWeights(members),
    seats,
    weights: Float64Array.from(members, ({ weight }) => weight),
    indexOf,
    highLanes: lanes(0),
    lowLanes: lanes(1),
    userHash,
  };
}

// What is hashed with a member's lanes: the slot, or else the user's hash of seat and slot. That may be narrow or
// patterned, so it too is spread over the score's bits and not used as the score itself.
function point({ userHash, seats }: Contest, slot: number, index: number): number {
  return userHash === undefined ? slot : numberHash(userHash(seats[index] as number, slot));
}

function scoreHigh(contest: Contest, slot: number, index: number): number {
  return pairHash(point(contest, slot, index), contest.highLanes[index] as number);
}

function fullScore(contest: Contest, slot: number, index: number, high: number): number {
  return high * lowRange + (pairHash(point(contest, slot, index), contest.lowLanes[index] as number) >>> 11);
}

/** Scores worked out between two yields: a tenth of a millisecond once compiled, a few milliseconds before. */
const scoresPerStep = 16_384;

/**
 * The table for the members of `contest`, made from the table for `before`. Whoever left or lost weight gives up
 * slots, which all others contest again; whoever joined or gained weight challenges every owner; nothing else can
 * change hands. Yields now and then, so that a caller with other things to do can do them.
 */
export function* retabling(
  table: Table,
  before: readonly FullMember[],
  contest: Contest,
): Generator<undefined, Table> {
  const next = { owners: table.owners.slice(), scores: table.scores.slice() };
  const { losers, gainers, perSlot } = sides(before, contest);
  const stride = Math.ceil(scoresPerStep / perSlot);
  for (let start = 0; start < next.owners.length; start += stride) {
    const range = { start, end: Math.min(start + stride, next.owners.length) };
    if (losers !== null) reassign(next, contest, losers, range);
    for (const index of gainers) challenge(next, contest, index, range);
    yield;
  }
  return next;
}

// Who gives up slots (a 1 at each such seat, null if nobody does), which members challenge, and about how many
// scores that takes per slot. From nothing there is no one to challenge: everyone contests the slots of nobody.
function sides(before: readonly FullMember[], { members }: Contest) {
  const was = new Map(before.map(({ seat, weight }) => [seat, weight]));
  const is = new Map(members.map(({ seat, weight }) => [seat, weight]));
  const seats =
    before.length === 0 ? [0] : [...was.keys()].filter((seat) => (is.get(seat) ?? 0) < (was.get(seat) ?? 0));
  const gainers = [...members.keys()].filter((index) => {
    const member = members[index] as FullMember;
    return before.length > 0 && member.weight > (was.get(member.seat) ?? 0);
  });
  const losers = new Uint8Array(0x1_0000); // seats have 16 bits
  for (const seat of seats) losers[seat] = 1;
  const perSlot = 1 + gainers.length + (before.length === 0 ? members.length : seats.length);
  return { losers: seats.length > 0 ? losers : null, gainers, perSlot };
}

/** Slots from `start` up to but not including `end`. */
interface SlotRange {
  readonly start: number;
  readonly end: number;
}

// Scores every member at every slot that a loser owns.
function reassign(table: Table, contest: Contest, losers: Uint8Array, { start, end }: SlotRange): void {
  const { owners } = table;
  const decide = contest.equal ? decideEqual : decideWeighted;
  for (let slot = start; slot < end; slot++) {
    if (losers[owners[slot] as number] === 1) decide(table, contest, slot);
  }
}

const lowRange = 0x20_0000; // 2^21
const highRange = 0x1_0000_0000; // 2^32
const scoreRange = highRange * lowRange; // 2^53

// Most seats lose on their upper 32 bits already; the lower 21 are worked out only for the others.
function decideEqual({ owners, scores }: Table, contest: Contest, slot: number): void {
  let best = -1;
  let bestHigh = 0;
  let winner = -1;
  for (let index = 0; index < contest.seats.length; index++) {
    const high = scoreHigh(contest, slot, index);
    if (high < bestHigh) continue;
    const score = fullScore(contest, slot, index, high);
    if (score <= best) continue; // of equal scores the lower seat's wins: members are in order of seats
    best = score;
    bestHigh = high;
    winner = index;
  }
  owners[slot] = winner < 0 ? 0 : (contest.seats[winner] as number);
  scores[slot] = best;
}

// With weights the lowest cost −ln(u)/w wins, u = (score + 1) / 2^53. Since −ln(u) ≥ 1 − u, a seat whose
// (1 − u)/w exceeds the best cost cannot win, and of N seats only about ln N need a logarithm. The margin is far
// wider than any rounding.
const margin = 1 + 1e-9;

function decideWeighted({ owners, scores }: Table, contest: Contest, slot: number): void {
  const { seats, weights } = contest;
  let winner = -1;
  let best = -1;
  let limit = Number.POSITIVE_INFINITY;
  for (let index = 0; index < seats.length; index++) {
    const weight = weights[index] as number;
    const high = scoreHigh(contest, slot, index);
    if (highRange - 1 - high > limit * weight) continue;
    const score = fullScore(contest, slot, index, high);
    if (winner >= 0 && !beats(contest, index, score, winner, best)) continue;
    winner = index;
    best = score;
    limit = cost(score, weight) * margin * highRange;
  }
  owners[slot] = winner < 0 ? 0 : (seats[winner] as number);
  scores[slot] = best;
}

/** −ln(u)/w; the lowest wins. */
function cost(score: number, weight: number): number {
  return minusLog((score + 1) / scoreRange) / weight;
}

// Between equal weights the scores decide, so that the order is the same with and without logarithms; seats, whose
// order is that of the indices, break ties.
function beats(
  { weights }: Contest,
  index: number,
  score: number,
  rival: number,
  rivalScore: number,
): boolean {
  const weight = weights[index] as number;
  const rivalWeight = weights[rival] as number;
  if (weight === rivalWeight) return score !== rivalScore ? score > rivalScore : index < rival;
  const difference = cost(score, weight) - cost(rivalScore, rivalWeight);
  return difference !== 0 ? difference < 0 : index < rival;
}

// Compares one member with the owner of every slot, and seats it where it wins.
function challenge(table: Table, contest: Contest, index: number, range: SlotRange): void {
  if (contest.equal) challengeEqual(table, contest, index, range);
  else challengeWeighted(table, contest, index, range);
}

function challengeEqual({ owners, scores }: Table, contest: Contest, index: number, range: SlotRange): void {
  const seat = contest.seats[index] as number;
  for (let slot = range.start; slot < range.end; slot++) {
    const high = scoreHigh(contest, slot, index);
    const kept = scores[slot] as number;
    if ((high + 1) * lowRange <= kept) continue;
    const score = fullScore(contest, slot, index, high);
    if (score < kept || (score === kept && seat >= (owners[slot] as number))) continue;
    owners[slot] = seat;
    scores[slot] = score;
  }
}

// The owner's cost is at most (1 − u)/(u·w), so here too a comparison without divisions spares the logarithms.
function challengeWeighted(
  { owners, scores }: Table,
  contest: Contest,
  index: number,
  range: SlotRange,
): void {
  const { indexOf, weights } = contest;
  const seat = contest.seats[index] as number;
  const limit = (weights[index] as number) * margin * highRange;
  for (let slot = range.start; slot < range.end; slot++) {
    const owner = indexOf[owners[slot] as number] as number;
    const kept = scores[slot] as number;
    const high = scoreHigh(contest, slot, index);
    const ownersLead = (highRange - 1 - high) * (kept + 1) * (weights[owner] as number);
    if (ownersLead > (scoreRange - 1 - kept) * limit || owner === index) continue;
    const score = fullScore(contest, slot, index, high);
    if (!beats(contest, index, score, owner, kept)) continue;
    owners[slot] = seat;
    scores[slot] = score;
  }
}

/**
 * All seats by their scores at one slot. The owner comes from the table; only a caller that wants a second seat pays
 * for scores, and only one that goes beyond a few pays for sorting.
 */
export function* inOrderOfScore(
  contest: Contest,
  owners: Uint16Array,
  slot: number,
): IterableIterator<number> {
  const { members } = contest;
  if (members.length === 0) return;
  yield owners[slot] as number;
  const scores = members.map((_, index) => fullScore(contest, slot, index, scoreHigh(contest, slot, index)));
  const order = (a: number, b: number) =>
    beats(contest, a, scores[a] as number, b, scores[b] as number) ? -1 : 1;
  let rest = [...members.keys()].filter((index) => members[index]?.seat !== owners[slot]);
  for (let scans = 0; scans < 3 && rest.length > 0; scans++) {
    const best = rest.reduce((a, b) => (order(a, b) < 0 ? a : b));
    rest = rest.filter((index) => index !== best);
    yield contest.seats[best] as number;
  }
  for (const index of rest.sort(order)) yield contest.seats[index] as number;
}
