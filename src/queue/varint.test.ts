import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readInt64, writeInt64 } from "./int64.ts";
import { readVarint, varintBytes, writeVarint } from "./varint.ts";

const anyNumber = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 }),
  fc.maxSafeInteger().map((n) => Math.trunc(n / 2) + 0),
);

describe("varints", () => {
  it("are those of the Protocol Buffers guide", () => {
    const table: [number, number[]][] = [
      [0, [0]],
      [-1, [1]],
      [1, [2]],
      [-64, [127]],
      [64, [128, 1]],
      [2147483647, [0xfe, 0xff, 0xff, 0xff, 0x0f]],
      [-2147483648, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    ];
    for (const [value, bytes] of table) {
      const target = Buffer.alloc(10);
      assert.equal(writeVarint(target, value, 0), bytes.length);
      assert.deepEqual([...target.subarray(0, bytes.length)], bytes);
    }
  });

  it("come back as they went in, and take the bytes foretold", () => {
    fc.assert(
      fc.property(anyNumber, fc.nat(5), (value, start) => {
        const target = Buffer.alloc(20);
        const end = writeVarint(target, value, start);
        assert.equal(end - start, varintBytes(value));
        const cursor = { at: start };
        assert.equal(readVarint(target, cursor, end), value);
        assert.equal(cursor.at, end);
      }),
    );
  });

  it("that do not end are refused with their place", () => {
    assert.throws(
      () => readVarint(Buffer.from([128, 128]), { at: 0 }, 2),
      /byte 0 does not end within 2 bytes/,
    );
    assert.throws(
      () => readVarint(Buffer.alloc(20, 255), { at: 3 }, 20),
      /byte 3 does not end within 10 bytes/,
    );
  });
});

describe("64-bit integers", () => {
  it("agree with the bigint accessors", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = Buffer.alloc(8);
        writeInt64(bytes, value, 0);
        assert.equal(bytes.readBigInt64BE(), BigInt(value));
        assert.equal(readInt64(bytes, 0), value);
      }),
    );
  });
});
