// The members of a ring: checking them, and making the list that a change leads to. Knows no placement.
import type { Member, RingChange } from "./definitions.ts";

/** A member with every field filled in. */
export type FullMember = Required<Member>;

/** The most members that a ring takes. */
export const membersMax = 0xffff;

/** Members by ascending seat, checked; `seatMax` is the largest seat that the placement can hold. */
export function settledMembers(members: readonly Member[], seatMax: number): readonly FullMember[] {
  return changedMembers([], { add: members }, seatMax);
}

/** The members after `change`: seats leave first, then others join, then weights are set. */
export function changedMembers(
  members: readonly FullMember[],
  change: RingChange,
  seatMax: number,
): readonly FullMember[] {
  const bySeat = new Map(members.map((member) => [member.seat, member]));
  for (const seat of change.remove ?? []) remove(bySeat, seat);
  for (const member of change.add ?? []) add(bySeat, member, seatMax);
  for (const [seat, weight] of change.weights ?? []) reweigh(bySeat, seat, weight);
  if (bySeat.size > membersMax) {
    throw new RangeError(`Cannot place ${bySeat.size} members: a ring takes ${membersMax} at most`);
  }
  return [...bySeat.values()].sort((a, b) => a.seat - b.seat);
}

function remove(bySeat: Map<number, FullMember>, seat: number): void {
  if (!bySeat.delete(seat))
    throw new RangeError(`Cannot remove seat ${seat}: it is not on the ring (${seated(bySeat)})`);
}

function add(bySeat: Map<number, FullMember>, { seat, weight = 1, label }: Member, seatMax: number): void {
  if (!Number.isSafeInteger(seat) || seat < 1 || seat > seatMax) {
    throw new RangeError(`Cannot add seat ${seat}: a seat is an integer from 1 to ${seatMax}`);
  }
  if (bySeat.has(seat))
    throw new RangeError(`Cannot add seat ${seat}: it is on the ring already; choose a free seat`);
  bySeat.set(seat, { seat, weight: checkedWeight(seat, weight), label: label ?? String(seat) });
}

function reweigh(bySeat: Map<number, FullMember>, seat: number, weight: number): void {
  const member = bySeat.get(seat);
  if (member === undefined) {
    throw new RangeError(`Cannot set the weight of seat ${seat}: it is not on the ring (${seated(bySeat)})`);
  }
  bySeat.set(seat, { ...member, weight: checkedWeight(seat, weight) });
}

// The limits keep every product of a weight with a 53-bit score far from overflow and underflow.
function checkedWeight(seat: number, weight: number): number {
  if (weight >= 1e-6 && weight <= 1e6) return weight;
  throw new RangeError(
    `Cannot give seat ${seat} the weight ${weight}: a weight is a number from 0.000001 to 1000000; remove the seat to send it nothing`,
  );
}

function seated(bySeat: ReadonlyMap<number, FullMember>): string {
  const seats = [...bySeat.keys()].sort((a, b) => a - b);
  if (seats.length === 0) return "the ring is empty";
  return `seats: ${seats.slice(0, 20).join(", ")}${seats.length > 20 ? ", …" : ""}`;
}

/** True when every member has the same weight. */
export function equalWeights(members: readonly FullMember[]): boolean {
  return members.every((member) => member.weight === members[0]?.weight);
}
