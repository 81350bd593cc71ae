// What a ring is, what goes into one, and what one can be asked: the types that every placement shares. ring.ts, the
// public entry, hands them on.

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
  /** The seat that owns a point of the 32-bit hash space (an unsigned integer), whatever the request hash; or 0. */
  ownerOf(hash: number): number;
  /** Distinct seats in order of preference, the owner first; lazy. */
  candidates(key: Key): IterableIterator<number>;
  /** Seat → fraction of the key space. */
  shares(): ReadonlyMap<number, number>;
  /** A new ring with the change made; throws RangeError on a seat that exists, is missing, or does not fit. */
  with(change: RingChange): Ring;
  /**
   * {@link Ring.with} in steps of well under a millisecond (a few before the code is compiled): lets an event loop
   * turn between them, and returns the new ring at the end. Placements that are quick anyway take one step.
   */
  withInSteps(change: RingChange): Generator<undefined, Ring>;
  /** What moves if `after`, a ring of the same placement and size, takes this one's place. */
  compare(after: Ring): Preview;
  /** What {@link Ring.with} would move, without changing anything. */
  preview(change: RingChange): Preview;
}

/** What {@link createRing} makes a ring of. An option that the placement has no use for is refused. */
export interface RingOptions {
  /** Default `rendezvous`. */
  readonly placement?: PlacementName;
  /** Default: none; an empty ring answers every lookup with 0. */
  readonly members?: readonly Member[];
  /**
   * Table size M, constant for a ring's life: another M moves nearly every key. Defaults: `rendezvous` 262,144;
   * `assignment` 512; `maglev` 65,537 (must be prime). `ketama` and `jump` have no table.
   */
  readonly slots?: number;
  /** `assignment` only: where a virtual node goes whose slot is taken. Default `linear`. */
  readonly probing?: "linear" | "quadratic";
  /** Virtual nodes of a server of weight 1. `assignment`: default 9; `ketama`: default 160. */
  readonly virtualNodes?: number;
  /**
   * `ketama` only: how text becomes bytes. Default `utf8`; `latin1` where each character stands for one byte as
   * received, which is how proxies read header values.
   */
  readonly keyEncoding?: "utf8" | "latin1";
  /** Replaces the hash of keys, in every placement; any integer from 0 to 2^53 − 1, taken modulo what is needed. */
  readonly requestHash?: (key: Key) => number;
  /**
   * Replaces the hash that places servers; results as for `requestHash`. `assignment` and `ketama`: virtual node j
   * of a server; `rendezvous`: j is the slot and the higher (spread) value wins; `maglev`: j = 0 gives the offset,
   * j = 1 the skip; `jump` has none.
   */
  readonly virtualNodeHash?: (serverId: number, j: number) => number;
}
