// Short reads that are looked at later in the same turn, behind all others (turn.ts). They are copied out of the shared
// read buffer into one buffer, which is free again when the last of them was looked at.

/** Longer reads are looked at at once: copying them would cost more than it saves. */
export const setAsideBytesMax = 2 * 1024;

const room = 256 * 1024;
/** Where they are; see {@link setAside}. */
export const asideBytes: Buffer = Buffer.allocUnsafeSlow(room);
const asideWords = wordsOf(asideBytes);
let used = 0;
let held = 0;

let viewed: Uint8Array = asideBytes;
let words = asideWords;

/** Copies what was read to {@link asideBytes}: the offset there, or −1 when there is no room. */
export function setAside(bytes: Uint8Array, length: number): number {
  if (used + length + 4 > room) return -1;
  if (viewed !== bytes) {
    viewed = bytes;
    words = wordsOf(bytes);
  }
  const from = used;
  const first = from >> 2;
  const count = (length + 3) >> 2;
  for (let at = 0; at < count; at++) asideWords[first + at] = words[at] as number;
  used = from + 4 * count;
  held++;
  return from;
}

/** One of them was looked at. */
export function takenBack(): void {
  if (--held === 0) used = 0;
}

/** Four bytes at a time: a call of `copy` costs more than the whole loop. */
function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}
