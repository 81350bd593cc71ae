// What an operator may change while requests run: plain data, replaced whole. What it does to a request is in
// hashing.ts.
import type { Key } from "../../ring/ring.ts";

export interface Steering {
  /** How many times its fair part of the requests in flight a replica may have, > 1; null: loads are not bounded. */
  readonly loadFactor: number | null;
  /** At most {@link spreadsMax}, each key once. */
  readonly spreads: readonly Spread[];
}

/** A hot key that several replicas serve instead of its owner alone. */
export interface Spread {
  readonly key: Key;
  /** How many: the first so many of the ring's candidates for the key; 2 or more. */
  readonly over: number;
}

/** Each spread key costs a look at the ring whenever that changes. */
export const spreadsMax = 64;
