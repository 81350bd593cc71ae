// Hashing for the ring: keys to 32 bits, (slot, seat) pairs to 53-bit scores, bytes to CRC-32, and the check
// on what a user's own function returns. Pure arithmetic; none of it is meant to resist an adversary.
import type { Key } from "./definitions.ts";

// Any constants would do; they are part of the mapping, so changing one moves nearly every key.
const numberSeed = 0x9e3779b9;
const stringSeed = 0x52484f55;

/** A bijection on 32 bits with full avalanche (Chris Wellons' `lowbias32`). Unsigned. */
export function mix32(value: number): number {
  let x = value ^ (value >>> 16);
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The default 32-bit hash of a key. Unsigned. A number and its decimal text are different keys. */
export function keyHash(key: Key): number {
  return typeof key === "number" ? numberHash(key) : stringHash(key);
}

/** 32-bit hash of a safe integer; the common case, one that fits in 32 signed bits, is one `mix32`. */
export function numberHash(key: number): number {
  return (key | 0) === key ? mix32(key + numberSeed) : wideHash(key);
}

function wideHash(key: number): number {
  const high = Math.floor(safeInteger(key) / 0x1_0000_0000);
  return mix32((key | 0) + numberSeed + mix32(high + stringSeed));
}

/** The numeric key itself, if it is one that can be told from its neighbours. */
export function safeInteger(key: number): number {
  if (Number.isSafeInteger(key)) return key;
  throw new RangeError(
    `Cannot look up the key ${key}: a numeric key must be a safe integer; pass others as text`,
  );
}

/**
 * MurmurHash3_x86_32 over the string's UTF-16LE code units, seed 0x52484F55: two characters are one block, so a
 * 20-character key costs ten rounds. (Faster here than any byte-wise hash, and needs no encoding step.)
 */
export function stringHash(key: string, seed: number = stringSeed): number {
  const length = key.length;
  const paired = length & ~1;
  let hash = seed | 0;
  for (let i = 0; i < paired; i += 2) {
    hash ^= scramble(key.charCodeAt(i) | (key.charCodeAt(i + 1) << 16));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  if (length !== paired) hash ^= scramble(key.charCodeAt(paired));
  hash ^= length << 1; // the length in bytes
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}

/** The two 32-bit numbers that stand for a seat in {@link pairHash}: one per lane. */
export function seatLane(seat: number, lane: 0 | 1): number {
  return mix32(numberHash(seat) + (lane === 0 ? 0x2545f491 : 0x6c62272e));
}

/** One 32-bit lane of the hash of a (slot, seat) pair, the seat given by its {@link seatLane}. Unsigned. */
export function pairHash(slot: number, lane: number): number {
  return mix32(Math.imul(slot, 0x9e3779b1) + lane);
}

const crcTable = new Uint32Array(256).map((_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** The running state of a CRC-32 (IEEE 802.3, reflected) before any byte. Finish with {@link crc32End}. */
export const crc32Start = 0xffffffff;

/** Takes one byte (0…255) into a running CRC-32. */
export function crc32Byte(crc: number, byte: number): number {
  return (crcTable[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
}

/** The finished CRC-32. Unsigned. */
export function crc32End(crc: number): number {
  return ~crc >>> 0;
}

// The hash functions that callers may replace.
type HashName = "requestHash" | "virtualNodeHash";

/** Passes a user function's result on if it is an integer from 0 to 2^53 − 1, else says what came back for what. */
function checkedHash(name: HashName, args: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(
    `The ${name} function returned ${String(value)} for ${args}; it must return an integer from 0 to ${Number.MAX_SAFE_INTEGER}`,
  );
}

/** A user's request hash with its results checked, or undefined if there is none. */
export function checkedRequestHash(hash: ((key: Key) => number) | undefined) {
  if (hash === undefined) return undefined;
  return (key: Key): number => checkedHash("requestHash", `the key ${JSON.stringify(key)}`, hash(key));
}

/** A user's virtual node hash with its results checked, or undefined if there is none. */
export function checkedNodeHash(hash: ((serverId: number, j: number) => number) | undefined) {
  if (hash === undefined) return undefined;
  return (seat: number, j: number): number =>
    checkedHash("virtualNodeHash", `server ${seat}, virtual node ${j}`, hash(seat, j));
}
