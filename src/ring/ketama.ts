// Ketama as nginx does it in `hash … consistent` (ngx_http_upstream_hash_module.c, itself compatible with
// Cache::Memcached::Fast): each server has 160 points per unit of weight on a circle of 2^32; a key belongs to the
// first point at or after its CRC-32. Agrees with nginx key for key, see golden/.

import type { Key, Preview, Ring, RingOptions } from "./definitions.ts";
import { checkedNodeHash, checkedRequestHash, crc32Byte, crc32End, crc32Start } from "./hash.ts";
import { changedMembers, type FullMember } from "./members.ts";
import { addMove, type Moves, previewOf } from "./preview.ts";
import { inOneStep } from "./steps.ts";

/** Points of a server of weight 1; nginx's figure. */
const ketamaVirtualNodes = 160;

const circle = 0x1_0000_0000;
const seatMax = Number.MAX_SAFE_INTEGER;

interface Points {
  /** Ascending, distinct. */
  readonly hashes: Uint32Array;
  /** Owner's seat by point. */
  readonly seats: Float64Array;
  /** For each value of a hash's upper 12 bits the first point at or after it: where a search begins. */
  readonly starts: Uint32Array;
}

/** A ketama ring; `members` are checked already. */
export function ketamaRing(options: RingOptions, members: readonly FullMember[]): Ring {
  const points = pointsOf(options, members);
  const { hashes, seats } = points;
  const hashOf = keyHasher(options);
  // An empty ring has no point 0, and nobody's seat is 0.
  const seatAt = (point: number) => seats[point] ?? 0;

  const ring: Ring = {
    placement: "ketama",
    slots: hashes.length,
    members,
    lookup: (key) => seatAt(pointAfter(points, hashOf(key))),
    slotOf: (key) => pointAfter(points, hashOf(key)),
    ownerOf: (hash) => seatAt(pointAfter(points, hash)),
    candidates: (key) => nextPeers(points, pointAfter(points, hashOf(key)), members.length),
    shares: () => arcShares(points, members),
    with: (change) => ketamaRing(options, changedMembers(members, change, seatMax)),
    withInSteps: (change) => inOneStep(() => ring.with(change)),
    compare: (after) => compareArcs(ring, after),
    preview: (change) => compareArcs(ring, ring.with(change)),
  };
  arcEnds.set(ring, hashes);
  return ring;
}

// Where each ketama ring's arcs end; kept beside the rings so that two of them can be compared.
const arcEnds = new WeakMap<Ring, Uint32Array>();

/** CRC-32 of the key's bytes; a number is hashed as its decimal text. */
function keyHasher({ requestHash, keyEncoding = "utf8" }: RingOptions): (key: Key) => number {
  const userHash = checkedRequestHash(requestHash);
  if (userHash !== undefined) return (key) => userHash(key) % circle;
  const latin1 = keyEncoding === "latin1";
  return (key) => crc32End(crcOfText(crc32Start, typeof key === "string" ? key : String(key), latin1));
}

// Takes text into a running CRC. ASCII, nearly every key, needs no encoder.
function crcOfText(start: number, text: string, latin1: boolean): number {
  let crc = start;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f && !latin1) return new TextEncoder().encode(text.slice(i)).reduce(crc32Byte, crc);
    crc = crc32Byte(crc, code & 0xff);
  }
  return crc;
}

// First point at or after a hash, wrapping around.
function pointAfter({ hashes, starts }: Points, hash: number): number {
  let point = starts[hash >>> 20] as number;
  while (point < hashes.length && (hashes[point] as number) < hash) point++;
  return point === hashes.length ? 0 : point;
}

function pointsOf(options: RingOptions, members: readonly FullMember[]): Points {
  refuseTwins(members);
  const lists = members.map((member) => memberPoints(options, member));
  // One double holds hash and member, so that a typed array sorts both; the lower seat comes first where two
  // members hit the same point, and has it.
  const entries = new Float64Array(lists.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const [index, list] of lists.entries())
    for (const hash of list) entries[filled++] = hash * 0x10000 + index;
  entries.sort();
  const distinct = entries.filter(
    (entry, i) => i === 0 || hashIn(entry) !== hashIn(entries[i - 1] as number),
  );
  const hashes = Uint32Array.from(distinct, hashIn);
  const seats = distinct.map((entry) => (members[entry % 0x10000] as FullMember).seat);
  return { hashes, seats, starts: startsOf(hashes) };
}

function hashIn(entry: number): number {
  return Math.floor(entry / 0x10000);
}

function refuseTwins(members: readonly FullMember[]): void {
  const seen = new Map<string, number>();
  for (const { seat, label } of members) {
    const twin = seen.get(label);
    if (twin !== undefined) {
      throw new RangeError(
        `Cannot place seats ${twin} and ${seat}: both have the label "${label}"; ketama needs distinct ones`,
      );
    }
    seen.set(label, seat);
  }
}

// crc32(HOST \0 PORT PREVIOUS), PREVIOUS being the point before as four little-endian bytes, 0 at first.
function memberPoints(
  { virtualNodeHash, virtualNodes }: RingOptions,
  { seat, weight, label }: FullMember,
): Uint32Array {
  const points = new Uint32Array(Math.max(1, Math.round((virtualNodes ?? ketamaVirtualNodes) * weight)));
  const userHash = checkedNodeHash(virtualNodeHash);
  if (userHash !== undefined) return points.map((_, j) => userHash(seat, j) % circle);
  const base = labelBytes(label).reduce(crc32Byte, crc32Start);
  for (let previous = 0, j = 0; j < points.length; j++) {
    previous = crc32End(crcOfWord(base, previous));
    points[j] = previous;
  }
  return points;
}

function crcOfWord(start: number, word: number): number {
  let crc = start;
  for (let shift = 0; shift < 32; shift += 8) crc = crc32Byte(crc, (word >>> shift) & 0xff);
  return crc;
}

// `host:port` → host, NUL, port; without a port, host and NUL; `unix:/path` → /path and NUL. The port is what
// follows the last colon, if that is all digits.
function labelBytes(label: string): Uint8Array {
  const unix = /^unix:(.*)$/is.exec(label);
  const [, host = label, port = ""] = unix ?? /^(.*):(\d*)$/s.exec(label) ?? [];
  return new TextEncoder().encode(`${host}\0${port}`);
}

function startsOf(hashes: Uint32Array): Uint32Array {
  const starts = new Uint32Array(4096);
  for (let upper = 0, point = 0; upper < starts.length; upper++) {
    while (point < hashes.length && (hashes[point] as number) >>> 20 < upper) point++;
    starts[upper] = point;
  }
  return starts;
}

// nginx tries the next points clockwise, passing over servers that it has tried.
function* nextPeers({ seats }: Points, start: number, count: number): IterableIterator<number> {
  const seen = new Set<number>();
  for (let step = 0; step < seats.length && seen.size < count; step++) {
    const seat = seats[(start + step) % seats.length] as number;
    if (seen.has(seat)) continue;
    seen.add(seat);
    yield seat;
  }
}

// A point owns the hashes after the point before it, itself included; the first owns the wrap-around too.
function arcShares({ hashes, seats }: Points, members: readonly FullMember[]): ReadonlyMap<number, number> {
  const shares = new Map(members.map(({ seat }) => [seat, 0]));
  hashes.forEach((hash, point) => {
    const before = point === 0 ? (hashes.at(-1) as number) - circle : (hashes[point - 1] as number);
    const seat = seats[point] as number;
    shares.set(seat, (shares.get(seat) ?? 0) + (hash - before) / circle);
  });
  return shares;
}

// Between two neighbouring points of either ring, both rings have one owner.
function compareArcs(before: Ring, after: Ring): Preview {
  const ends = [...endsOf(before), ...endsOf(after), circle - 1];
  const moves: Moves = new Map();
  let start = 0;
  for (const end of Float64Array.from(ends).sort()) {
    if (end < start) continue;
    const from = before.ownerOf(end);
    const to = after.ownerOf(end);
    if (from !== to) addMove(moves, from, to, end + 1 - start);
    start = end + 1;
  }
  return previewOf(moves, circle, after.shares());
}

function endsOf(ring: Ring): Uint32Array {
  const ends = arcEnds.get(ring);
  if (ends === undefined)
    throw new RangeError(`Cannot compare ketama with ${ring.placement}: compare rings of one placement`);
  return ends;
}
