import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { crc32c, crc32cByTables } from "./crc32c.ts";

/** One bit at a time, straight from the definition: the model that the tables must agree with. */
function bitwise(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("CRC-32C", () => {
  it("gives the values of RFC 3720, section B.4", () => {
    assert.equal(crc32c(Buffer.alloc(32, 0)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 255)), 0x62a8ab43);
    const rising = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
    assert.equal(crc32c(rising), 0x46dd794e);
    assert.equal(crc32c(Buffer.from([...rising].reverse())), 0x113fdb5c);
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  });

  it("agrees with the bitwise model at every length, alignment and range", () => {
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 1400 });
    fc.assert(
      fc.property(bytes, fc.nat(40), fc.nat(40), (all, head, tail) => {
        const start = Math.min(head, all.length);
        const end = Math.max(start, all.length - tail);
        const expected = bitwise(all.subarray(start, end));
        assert.equal(crc32c(Buffer.from(all), start, end), expected);
        assert.equal(crc32cByTables(Buffer.from(all), start, end), expected);
      }),
      { numRuns: 300 },
    );
  });
});
