// Variable-length integers as Kafka's records use them: Protocol Buffers' base-128 groups, low group first, over the
// zigzag form ((n << 1) ^ (n >> 31)), so that small negative numbers stay short. https://protobuf.dev/programming-guides/encoding/
//
// Numbers go up to ±2^53 and are cut into groups by arithmetic rather than by 32-bit operators where they need to be.

/** Where a reader stands. One object is reused for a whole batch. */
export interface Cursor {
  /** Index of the next byte. */
  at: number;
}

/** How many bytes {@link writeVarint} takes for this number: 1…8. */
export function varintBytes(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 128) {
    rest = Math.floor(rest / 128);
    size++;
  }
  return size;
}

/** Writes a safe integer of at most ±2^52 and returns the index after it. */
export function writeVarint(target: Buffer, value: number, at: number): number {
  let rest = zigzag(value);
  let position = at;
  while (rest >= 128) {
    target[position++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  target[position++] = rest;
  return position;
}

/**
 * Reads one and moves the cursor past it. Throws RangeError when the number does not end before `end`, or is longer
 * than the ten bytes of a 64-bit one.
 */
export function readVarint(bytes: Buffer, cursor: Cursor, end: number): number {
  const start = cursor.at;
  const first = bytes[start] as number;
  if (first < 128 && start < end) {
    cursor.at = start + 1;
    return first % 2 === 0 ? first / 2 : -(first + 1) / 2;
  }
  let unsigned = 0;
  let factor = 1;
  for (let i = 0; i < 10 && start + i < end; i++) {
    const byte = bytes[start + i] as number;
    unsigned += (byte & 127) * factor;
    if (byte < 128) {
      cursor.at = start + i + 1;
      return unsigned % 2 === 0 ? unsigned / 2 : -(unsigned + 1) / 2;
    }
    factor *= 128;
  }
  throw new RangeError(`the number at byte ${start} does not end within ${Math.min(10, end - start)} bytes`);
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
