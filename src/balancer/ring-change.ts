// The difference between a ring and the replicas that should be on it, and how much of the key space it moved.
import type { Replica } from "../fleet/fleet.ts";
import type { Member, PlacementName, Ring, RingChange } from "../ring/ring.ts";

/** A change that was made, and the ring it was made to. */
export interface LastChange {
  readonly before: Ring;
  readonly change: RingChange;
}

/** These move nothing between those who stay, so what moved is what came or went; a preview costs three times more. */
const strict: readonly PlacementName[] = ["rendezvous", "ketama"];

/** The fraction of the key space that has another owner `after` the change. */
export function movedFraction({ before, change }: LastChange, after: Ring): number {
  const { add = [], remove = [], weights } = change;
  const oneWay = (add.length === 0) !== (remove.length === 0) && !weights?.size;
  if (!oneWay || !strict.includes(before.placement)) return before.preview(change).moved;
  const shares = add.length > 0 ? after.shares() : before.shares();
  const seats = add.length > 0 ? add.map(({ seat }) => seat) : remove;
  return seats.reduce((sum, seat) => sum + (shares.get(seat) ?? 0), 0);
}

/** What makes the ring's members equal to the replicas that serve; null when they are equal already. */
export function ringChange(
  ring: Ring,
  replicas: readonly Replica[],
  labelOf: (replica: Replica) => string | undefined = () => undefined,
): RingChange | null {
  const known = new Map(ring.members.map((member) => [member.seat, member]));
  const add: Member[] = [];
  const weights = new Map<number, number>();
  for (const replica of replicas) {
    const { seat, weight } = replica;
    const member = known.get(seat);
    known.delete(seat);
    const label = labelOf(replica);
    if (member === undefined) add.push(label === undefined ? { seat, weight } : { seat, weight, label });
    else if (member.weight !== weight) weights.set(seat, weight);
  }
  const remove = [...known.keys()];
  return add.length + remove.length + weights.size === 0 ? null : { add, remove, weights };
}
