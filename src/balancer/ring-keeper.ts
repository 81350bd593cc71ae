// Keeps the ring equal to the replicas that serve. One seat more or less costs a few milliseconds and is done at once,
// and so are the first members, since nobody is served before; a larger change is made in slices, so that requests are
// served meanwhile.
import type { Replica } from "../fleet/fleet.ts";
import type { Ring, RingChange } from "../ring/ring.ts";
import { ringChange } from "./ring-change.ts";

export interface RingKeeper {
  readonly current: Ring;
  /** Changes of the ring since the start. */
  readonly changes: number;
  /** Makes the ring that these replicas want, or a slice of it; true when it must be called again, in a later turn. */
  approach(replicas: readonly Replica[]): boolean;
  /** Seat → fraction of the key space. Counted once per ring, when first asked for. */
  shares(): ReadonlyMap<number, number>;
  /** Slots that changed owner at the last change. Counted when first asked for. */
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

/** How long one slice may take, in ms. */
const sliceMs = 4;

export function createRingKeeper({ ring, refused, labelOf }: RingKeeperOptions): RingKeeper {
  let current = ring;
  /** The ring before the last change. */
  let previous: Ring | null = null;
  let work: Generator<undefined, Ring> | null = null;
  let changes = 0;
  let shares: { readonly of: Ring; readonly bySeat: ReadonlyMap<number, number> } | null = null;
  let moved: { readonly at: number; readonly slots: number } = { at: 0, slots: 0 };

  function replace(next: Ring): void {
    previous = current;
    current = next;
    work = null;
    changes += 1;
  }

  function begin(change: RingChange, replicas: readonly Replica[]): void {
    // A replacement on the dead one's seat brings back the very ring from before: nothing to compute or to store.
    if (previous !== null && ringChange(previous, replicas, labelOf) === null) replace(previous);
    else if (seatsOf(change) === 1 || current.members.length === 0) replace(current.with(change));
    else work = current.withInSteps(change);
  }

  function workOn(steps: Generator<undefined, Ring>): void {
    const until = performance.now() + sliceMs;
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) replace(step.value);
      if (step.done || performance.now() >= until) return;
    }
  }

  return {
    get current() {
      return current;
    },
    get changes() {
      return changes;
    },
    approach: (replicas) => {
      try {
        const change = ringChange(current, replicas, labelOf);
        if (work === null && change !== null) begin(change, replicas);
        if (work !== null) workOn(work);
        return ringChange(current, replicas, labelOf) !== null;
      } catch (error) {
        work = null;
        refused(error);
        return false;
      }
    },
    shares: () => {
      if (shares?.of !== current) shares = { of: current, bySeat: current.shares() };
      return shares.bySeat;
    },
    slotsMoved: () => {
      if (previous !== null && moved.at !== changes) {
        moved = { at: changes, slots: Math.round(previous.compare(current).moved * current.slots) };
      }
      return moved.slots;
    },
  };
}

function seatsOf({ add = [], remove = [], weights }: RingChange): number {
  return add.length + remove.length + (weights?.size ?? 0);
}
