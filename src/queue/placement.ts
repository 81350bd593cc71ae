// Which broker should own which tablet: the ring's choice, with a cap so that nobody carries more than its share.
// Pure, and the same for everyone who knows the same brokers. Who owns a tablet *now* is ownership.ts's affair.
import { createRing } from "../ring/ring.ts";

/** A broker as the placement sees it. */
export interface Placed {
  readonly name: string;
  /** Its seat on the ring; see the glossary. */
  readonly seat: number;
}

/** Brokers are few and tablets hundreds: a small table is exact enough, and quick to make. */
const SLOTS = 8192;

/**
 * The name of each tablet's broker, by tablet number; null when there is none. Each broker gets at most
 * ⌈tablets / brokers⌉: a tablet whose first choice is full goes to the ring's next one.
 */
export function placeTablets(tabletCount: number, brokers: readonly Placed[]): readonly (string | null)[] {
  if (brokers.length === 0) return new Array<null>(tabletCount).fill(null);
  const names = new Map(brokers.map(({ seat, name }) => [seat, name]));
  const ring = createRing({ members: brokers.map(({ seat }) => ({ seat })), slots: SLOTS });
  const cap = Math.ceil(tabletCount / brokers.length);
  const load = new Map<number, number>();
  return Array.from({ length: tabletCount }, (_, tablet) => {
    for (const seat of ring.candidates(`tablet ${tablet}`)) {
      const carried = load.get(seat) ?? 0;
      if (carried >= cap) continue;
      load.set(seat, carried + 1);
      return names.get(seat) ?? null;
    }
    return null;
  });
}
