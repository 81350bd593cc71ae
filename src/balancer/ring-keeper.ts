// Keeps the ring equal to the replicas that serve, in steps that are short enough for the event loop: a member more or
// less costs one pass over the table, some 4 ms at 262,144 slots.
import type { Replica } from "../fleet/fleet.ts";
import type { Ring, RingChange } from "../ring/ring.ts";
import { type LastChange, movedFraction, ringChange } from "./ring-change.ts";

export interface RingKeeper {
  readonly current: Ring;
  /** Changes of the ring since the start. */
  readonly changes: number;
  /** One step towards these replicas; true when more steps are needed. */
  approach(replicas: readonly Replica[]): boolean;
  /** Seat → fraction of the key space. Counted once per ring, when first asked for. */
  shares(): ReadonlyMap<number, number>;
  /** Slots that changed owner when the replicas last changed. Computed when first asked for. */
  slotsMoved(): number;
}

export interface RingKeeperOptions {
  /** An empty ring of the chosen placement. */
  readonly ring: Ring;
  /** The ring could not be changed (the placement is full): it stays as it is. */
  readonly refused: (error: unknown) => void;
  /** `ketama` only: what a member is hashed by; see {@link Member.label}. */
  readonly labelOf?: ((replica: Replica) => string | undefined) | undefined;
}

/** Slots times seats that one step may pass over: two seats of the default table. */
const stepCells = 2 * 262_144;

export function createRingKeeper({ ring, refused, labelOf }: RingKeeperOptions): RingKeeper {
  let current = ring;
  /** The ring before the last step. */
  let previous: Ring | null = null;
  let last: LastChange | null = null;
  let moved = 0;
  let changes = 0;
  let underWay = false;
  let shares: { readonly of: Ring; readonly bySeat: ReadonlyMap<number, number> } | null = null;

  function step(whole: RingChange, replicas: readonly Replica[]): boolean {
    const part = firstPart(whole, Math.max(1, Math.floor(stepCells / current.slots)));
    // A replacement on the dead one's seat brings back the very ring from before: nothing to compute or to store.
    const back = previous !== null && ringChange(previous, replicas, labelOf) === null;
    const next = (back ? previous : null) ?? current.with(part);
    moved = underWay ? slotsMoved() : 0;
    last = { before: current, change: back ? whole : part };
    previous = current;
    current = next;
    changes += 1;
    return !back && part !== whole;
  }

  function slotsMoved(): number {
    if (last !== null) moved += Math.round(movedFraction(last, current) * current.slots);
    last = null;
    return moved;
  }

  return {
    get current() {
      return current;
    },
    get changes() {
      return changes;
    },
    approach: (replicas) => {
      const whole = ringChange(current, replicas, labelOf);
      if (whole === null) {
        underWay = false;
        return false;
      }
      try {
        underWay = step(whole, replicas);
      } catch (error) {
        underWay = false;
        refused(error);
      }
      return underWay;
    },
    shares: () => {
      if (shares?.of !== current) shares = { of: current, bySeat: current.shares() };
      return shares.bySeat;
    },
    slotsMoved,
  };
}

/** At most so many seats of a change, those that leave first; the change itself when it is small enough. */
function firstPart(whole: RingChange, seats: number): RingChange {
  const { add = [], remove = [], weights = new Map<number, number>() } = whole;
  if (add.length + remove.length + weights.size <= seats) return whole;
  const leaving = remove.slice(0, seats);
  const joining = add.slice(0, seats - leaving.length);
  const reweighted = [...weights].slice(0, seats - leaving.length - joining.length);
  return { add: joining, remove: leaving, weights: new Map(reweighted) };
}
