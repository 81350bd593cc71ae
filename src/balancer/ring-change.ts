// The difference between a ring and the replicas that should be on it.
import type { Replica } from "../fleet/fleet.ts";
import type { Member, Ring, RingChange } from "../ring/ring.ts";

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
