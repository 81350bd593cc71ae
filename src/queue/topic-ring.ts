// From a message's key to its shard: the same consistent-hash ring that places requests on replicas, with the
// topic's shards on its seats. Growing from n to n + 1 shards then moves 1/(n + 1) of the keys, and no others.
import { createRing, type Ring } from "../ring/ring.ts";

/** Size of a topic's table: constant for good, since another one would move every key. */
const SLOTS = 16_384;

/** Topics with as many shards have the same ring; seats count from 1 without gaps. */
const rings = new Map<number, Ring>();
/** Rings kept; one takes some 200 KB. */
const RINGS_MAX = 64;

/** The shard that this key belongs to; the shards are in the order of their creation. */
export function shardOfKey<Shard>({ shards }: { readonly shards: readonly Shard[] }, key: string): Shard {
  const seat = ringOf(shards.length).lookup(key);
  return shards[seat - 1] as Shard;
}

function ringOf(shardCount: number): Ring {
  let ring = rings.get(shardCount);
  if (ring === undefined) {
    const members = Array.from({ length: shardCount }, (_, i) => ({ seat: i + 1 }));
    ring = createRing({ members, slots: SLOTS });
    if (rings.size >= RINGS_MAX) rings.clear();
    rings.set(shardCount, ring);
  }
  return ring;
}
