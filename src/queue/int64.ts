// Big-endian 64-bit integers as JavaScript numbers: exact to ±2^53, which is 285,000 years of a million messages a
// second. Faster than the bigint accessors, and no bigint leaks into offset arithmetic.

/** Reads a signed 64-bit integer; beyond ±2^53 the result is rounded (Number.isSafeInteger says so). */
export function readInt64(bytes: Buffer, at: number): number {
  return readInt32(bytes, at) * 0x1_0000_0000 + (readInt32(bytes, at + 4) >>> 0);
}

/** Quicker than Buffer's own, which checks its arguments: the caller knows that the bytes are there. */
function readInt32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** Writes a safe integer as a signed 64-bit one. */
export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}
