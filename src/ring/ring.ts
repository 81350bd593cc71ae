// The consistent-hash map, and the public entry of the package's `./ring` export.
// Pure and immutable: no I/O, no clock, no randomness that is not passed in. A change makes a new ring.

/** The names of the placements that {@link createRing} accepts. */
export type PlacementName = "rendezvous" | "assignment" | "ketama" | "maglev" | "jump";

/** A key as requests bring it. Numbers are used as they are by `assignment` (request ids), hashed by the others. */
export type Key = string | number;

/** One server on the ring. */
export interface Member {
  /** The small positive integer that stands for the server. A replacement keeps the dead one's seat. */
  readonly seat: number;
  /** Share of the key space relative to the others; > 0, default 1. */
  readonly weight?: number;
  /** `host:port`; used by `ketama` only, which hashes it as nginx does. Default: the seat as text. */
  readonly label?: string;
}

/** What a ring would look like after a change, or the change itself. */
export interface RingChange {
  readonly add?: readonly Member[];
  /** Seats that leave. */
  readonly remove?: readonly number[];
  /** New weights by seat. */
  readonly weights?: ReadonlyMap<number, number>;
}

/** The part of the key space that a change would move. */
export interface Preview {
  /** Fraction of the key space with another owner afterwards, 0…1. */
  readonly moved: number;
  /** From whom to whom; null stands for "nobody" (an empty ring). */
  readonly moves: readonly {
    readonly from: number | null;
    readonly to: number | null;
    readonly fraction: number;
  }[];
  /** Shares after the change. */
  readonly after: ReadonlyMap<number, number>;
}

/** An immutable map from key to seat. */
export interface Ring {
  readonly placement: PlacementName;
  /** Size of the table (M); for `ketama` the number of points, for `jump` the number of buckets. */
  readonly slots: number;
  /** Members by ascending seat. */
  readonly members: readonly Required<Member>[];
  /** The seat that owns the key, or 0 when the ring is empty. */
  lookup(key: Key): number;
  /** The slot that the key falls into, 0…slots−1. */
  slotOf(key: Key): number;
  /** Distinct seats in order of preference, the owner first; lazy. */
  candidates(key: Key): IterableIterator<number>;
  /** Seat → fraction of the key space. */
  shares(): ReadonlyMap<number, number>;
  /** A new ring with the change made; throws RangeError on a seat that exists, is missing, or does not fit. */
  with(change: RingChange): Ring;
  /** What {@link Ring.with} would move, without changing anything. */
  preview(change: RingChange): Preview;
}
