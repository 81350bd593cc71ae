// Known answers, and even spreading of the keys that people really use.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { crc32Byte, crc32End, crc32Start, keyHash, mix32, stringHash } from "./hash.ts";
import { minusLog } from "./logarithm.ts";

// MurmurHash3_x86_32 over bytes, straight from its description, to compare stringHash with.
function murmur3(bytes: Uint8Array, seed: number): number {
  const rotated = (x: number, by: number) => (x << by) | (x >>> (32 - by));
  const scrambled = (k: number) => Math.imul(rotated(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tail = bytes.length & ~3;
  let h = seed | 0;
  for (let i = 0; i < tail; i += 4) {
    h = (Math.imul(rotated(h ^ scrambled(view.getInt32(i, true)), 13), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = bytes.length - 1; i >= tail; i--) rest = (rest << 8) | (bytes[i] as number);
  if (bytes.length > tail) h ^= scrambled(rest);
  h ^= bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

describe("stringHash", () => {
  it("is MurmurHash3_x86_32 over UTF-16LE, by a model that gives the published values", () => {
    const ascii = (text: string) => new TextEncoder().encode(text);
    assert.equal(murmur3(ascii(""), 1), 0x514e28b7);
    assert.equal(murmur3(ascii("hello"), 0), 0x248bfa47);
    assert.equal(murmur3(ascii("The quick brown fox jumps over the lazy dog"), 0x9747b28c), 0x2fa826cd);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer(), (text, seed) => {
        assert.equal(stringHash(text, seed), murmur3(Buffer.from(text, "utf16le"), seed));
      }),
    );
  });
});

describe("keyHash", () => {
  const families: Readonly<Record<string, (i: number) => string | number>> = {
    "small numbers": (i) => i,
    "negative numbers": (i) => -i,
    "multiples of 4096": (i) => i * 4096,
    "multiples of 2^32": (i) => i * 0x1_0000_0000,
    timestamps: (i) => 1_700_000_000_000 + i,
    "/item/1…": (i) => `/item/${i}`,
    "user ids": (i) => `user-${String(i).padStart(12, "0")}@example.org`,
    addresses: (i) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
    "long common tails": (i) => `${i}${"/a/long/common/tail".repeat(4)}`,
  };
  for (const [family, keyOf] of Object.entries(families)) {
    it(`spreads ${family} as evenly as chance would`, () => {
      for (const shift of [0, 22]) assertEven(keyOf, shift);
    });
  }

  // Chi-squared over 1,024 cells, from the lowest or the highest bits. Chance stays within 6 standard deviations.
  function assertEven(keyOf: (i: number) => string | number, shift: number) {
    const cells = new Float64Array(1024);
    const count = 102_400;
    for (let i = 0; i < count; i++) {
      const cell = (keyHash(keyOf(i)) >>> shift) & 1023;
      cells[cell] = (cells[cell] as number) + 1;
    }
    const expected = count / cells.length;
    const chi = cells.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    assert.ok(chi < 1023 + 6 * Math.sqrt(2 * 1023), `chi-squared ${chi} from bit ${shift}`);
  }

  it("tells integers beyond 32 bits apart", () => {
    const seen = new Set([5, 5 + 2 ** 32, 5 - 2 ** 32, 5 + 2 ** 40, 5 + 2 ** 52].map(keyHash));
    assert.equal(seen.size, 5);
  });
});

it("mix32 is a bijection as far as it is looked at", () => {
  fc.assert(fc.property(fc.integer(), fc.integer(), (a, b) => a === b || mix32(a) !== mix32(b)));
});

it("crc32 gives the check value of CRC-32/ISO-HDLC", () => {
  assert.equal(crc32End(new TextEncoder().encode("123456789").reduce(crc32Byte, crc32Start)), 0xcbf43926);
});

describe("minusLog", () => {
  it("is −ln(u) to a relative error below 1e-12", () => {
    const scores = fc.oneof(
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: Number.MAX_SAFE_INTEGER - 1e6, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: 0, max: 1e6 }),
    );
    fc.assert(
      fc.property(scores, (score) => {
        const u = (score + 1) / 2 ** 53;
        const exact = u > 0.5 ? -Math.log1p(u - 1) : -Math.log(u);
        assert.ok(Math.abs(minusLog(u) - exact) <= 1e-12 * exact, `${u}: ${minusLog(u)}, not ${exact}`);
      }),
      { numRuns: 20_000 },
    );
    assert.equal(minusLog(1), 0);
  });
});
