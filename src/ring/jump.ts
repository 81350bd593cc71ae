// Jump consistent hash: Lamping & Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014. Buckets are the
// members in order of their seats. No table and perfectly even, but only the last bucket can come or go cheaply:
// when a member in the middle leaves, all behind it shift down a bucket and about half of the keys move. No weights.

import type { Key, Preview, Ring, RingOptions } from "./definitions.ts";
import { checkedRequestHash, keyHash, mix32 } from "./hash.ts";
import { changedMembers, equalWeights, type FullMember } from "./members.ts";
import { addMove, type Moves, previewOf } from "./preview.ts";
import { inOneStep } from "./steps.ts";

const seatMax = Number.MAX_SAFE_INTEGER;
const wordRange = 0x1_0000_0000;

/** A jump ring; `members` are checked already. */
export function jumpRing(options: RingOptions, members: readonly FullMember[]): Ring {
  refuseWeights(members);
  const seats = Float64Array.from(members, ({ seat }) => seat);
  const hashOf = checkedRequestHash(options.requestHash) ?? keyHash;
  const bucketOf = (hash: number) =>
    seats.length < 2 ? 0 : jumpBucket(Math.floor(hash / wordRange), hash, seats.length);

  const ring: Ring = {
    placement: "jump",
    slots: seats.length,
    members,
    lookup: (key: Key) => seats[bucketOf(hashOf(key))] ?? 0,
    slotOf: (key) => bucketOf(hashOf(key)),
    ownerOf: (hash) => seats[bucketOf(hash)] ?? 0,
    candidates: (key) => rehashed(seats, hashOf(key)),
    shares: () => new Map(members.map(({ seat }) => [seat, 1 / seats.length])),
    with: (change) => jumpRing(options, changedMembers(members, change, seatMax)),
    withInSteps: (change) => inOneStep(() => ring.with(change)),
    compare: (after) => compareBuckets(ring, after),
    preview: (change) => compareBuckets(ring, ring.with(change)),
  };
  return ring;
}

function refuseWeights(members: readonly FullMember[]): void {
  if (equalWeights(members)) return;
  const [first] = members;
  const other = members.find(({ weight }) => weight !== first?.weight);
  throw new RangeError(
    `Cannot give seat ${other?.seat} the weight ${other?.weight} beside ${first?.weight}: jump has no weights; use another placement`,
  );
}

/**
 * The paper's function: the bucket, 0…buckets−1, of the 64-bit key high·2^32 + low. JavaScript has no fast 64-bit
 * integers, so the generator key ← key·2862933555777941757 + 1 is worked out on two 32-bit words.
 */
export function jumpBucket(high: number, low: number, buckets: number): number {
  let keyHigh = high | 0;
  let keyLow = low | 0;
  let bucket = -1;
  for (let next = 0; next < buckets; ) {
    bucket = next;
    // 2862933555777941757 = 0x27BB2EE6_87B0B0FD
    keyHigh =
      (upperProduct(keyLow, 0x87b0b0fd) + Math.imul(keyLow, 0x27bb2ee6) + Math.imul(keyHigh, 0x87b0b0fd)) | 0;
    keyLow = (Math.imul(keyLow, 0x87b0b0fd) + 1) | 0;
    if (keyLow === 0) keyHigh = (keyHigh + 1) | 0; // the carry of the + 1
    next = Math.floor((bucket + 1) * (0x8000_0000 / ((keyHigh >>> 1) + 1)));
  }
  return bucket;
}

// The upper 32 bits of the product of two unsigned 32-bit numbers, in halves of 16 bits.
function upperProduct(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle % 0x10000);
  return aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000);
}

// The next choice is a jump of the rehashed key among those not chosen yet, so a lost bucket's keys spread evenly.
function* rehashed(seats: Float64Array, hash: number): IterableIterator<number> {
  const rest = [...seats];
  for (let next = hash; rest.length > 0; next = mix32(next + 0x9e3779b9)) {
    const bucket = jumpBucket(Math.floor(next / wordRange), next, rest.length);
    yield* rest.splice(bucket, 1);
  }
}

// Growing from n to m buckets takes a key out of its bucket with probability 1 − n/m, to each new one alike; shrinking
// is the same backwards. So for i < n and j < m with n ≤ m, the part in i before and j after is 1/m for i = j,
// 1/(n·m) for j ≥ n, else 0.
function compareBuckets(before: Ring, after: Ring): Preview {
  if (after.placement !== "jump") {
    throw new RangeError(`Cannot compare jump with ${after.placement}: compare rings of one placement`);
  }
  const n = before.members.length;
  const m = after.members.length;
  const grows = n <= m;
  const [fewer, more] = grows ? [before.members, after.members] : [after.members, before.members];
  const moves: Moves = new Map();
  const note = (a: number, b: number, part: number) => {
    if (a !== b) addMove(moves, grows ? a : b, grows ? b : a, part);
  };
  more.forEach(({ seat }, j) => {
    const own = fewer[j];
    if (own !== undefined) note(own.seat, seat, 1 / more.length);
    else if (fewer.length === 0) note(0, seat, 1 / more.length);
    else for (const { seat: other } of fewer) note(other, seat, 1 / (n * m));
  });
  return previewOf(moves, 1, after.shares());
}
