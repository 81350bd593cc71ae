// The consistent-hash map, and the public entry of the package's `./ring` export.
// Pure and immutable: no I/O, no clock, no randomness that is not passed in. A change makes a new ring.
import { assignmentCapacity, assignmentRing } from "./assignment.ts";
import type { Ring, RingOptions } from "./definitions.ts";
import { jumpRing } from "./jump.ts";
import { ketamaRing } from "./ketama.ts";
import { maglevRing, maglevSeatMax, maglevSlots } from "./maglev.ts";
import { membersMax, settledMembers } from "./members.ts";
import { checkOptions, seatMax } from "./options.ts";
import { rendezvousRing } from "./rendezvous.ts";

export { type BoundedLoad, type BoundedLoadOptions, boundedLoad } from "./bounded-load.ts";
export type { Key, Member, PlacementName, Preview, Ring, RingChange, RingOptions } from "./definitions.ts";

/** An immutable ring. Throws RangeError on an option or a member that does not fit, saying what would. */
export function createRing(options: RingOptions = {}): Ring {
  const placement = checkOptions(options);
  const members = settledMembers(options.members ?? [], seatMax[placement]);
  switch (placement) {
    case "rendezvous":
      return rendezvousRing(options, members);
    case "assignment":
      return assignmentRing(options, members);
    case "ketama":
      return ketamaRing(options, members);
    case "maglev":
      return maglevRing(options, members);
    case "jump":
      return jumpRing(options, members);
  }
}

/**
 * {@link createRing} in steps, for a process that serves meanwhile: a rendezvous ring of 100 members takes a tenth
 * of a second. `for (;;) { const { done, value } = steps.next(); if (done) return value; await turnOfTheLoop(); }`
 */
export function createRingInSteps({ members = [], ...options }: RingOptions): Generator<undefined, Ring> {
  return createRing(options).withInSteps({ add: members });
}

/**
 * Runs every kind of change a few times on a smaller, throw-away rendezvous ring, less than a tenth of a second of work, so
 * that the first real change finds its code compiled: 5 to 12 ms at the default size instead of 10 to 30. For a
 * process's start, before it serves. (The other placements are quick from the first change on.)
 */
export function warmUp({ placement = "rendezvous" }: RingOptions = {}): void {
  if (placement !== "rendezvous") return;
  let ring = createRing({ slots: 16_384, members: [{ seat: 1 }, { seat: 2 }, { seat: 3 }] });
  for (const weight of [1, 2, 1, 2, 1, 2]) {
    ring = ring.with({ remove: [2] }).with({ add: [{ seat: 2 }] });
    ring = ring.with({ weights: new Map([[1, weight]]) });
  }
}

/** How many members of weight 1 a ring made with these options holds. */
export function ringCapacity(options: RingOptions = {}): number {
  const placement = checkOptions(options);
  if (placement === "assignment") return assignmentCapacity(options);
  if (placement === "maglev") return Math.min(options.slots ?? maglevSlots, maglevSeatMax);
  return membersMax;
}
