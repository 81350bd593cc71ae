// The placements that the experiments compare: the course project's first, then the others.
import { createRing, type Member, type PlacementName, type Ring } from "../ring/ring.ts";

export const placements: readonly PlacementName[] = ["assignment", "rendezvous", "ketama", "maglev", "jump"];

/** What charts and reports call it. */
export function titleOf(placement: PlacementName): string {
  return placement === "assignment" ? "assignment (course)" : placement;
}

/** A ring with servers on the seats 1…N. */
export function ringOf(placement: PlacementName, serverCount: number): Ring {
  const members: Member[] = Array.from({ length: serverCount }, (_, index) => ({ seat: index + 1 }));
  return createRing({ placement, members });
}

/** Shares by seat, 1…N; by arithmetic over all six-digit request ids, which are what `--key random` draws from. */
export function sharesOfIds(ring: Ring): number[] {
  const counts = new Float64Array(ring.members.length);
  for (let id = 100_000; id <= 999_999; id++) {
    const seat = ring.lookup(id);
    counts[seat - 1] = (counts[seat - 1] as number) + 1;
  }
  return Array.from(counts, (count) => count / 900_000);
}
