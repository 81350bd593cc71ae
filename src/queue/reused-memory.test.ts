import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { giveBack, joined, takeBuffer } from "./reused-memory.ts";

describe("reused memory", () => {
  it("has the size that was asked for, and nobody else's bytes, whatever is taken and given back", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 300_000 }))), (steps) => {
        const held: { readonly buffer: Buffer; readonly mark: number }[] = [];
        for (const [index, [gives, bytes]] of steps.entries()) {
          const oldest = gives ? held.shift() : undefined;
          if (oldest !== undefined) giveBack(oldest.buffer);
          const buffer = takeBuffer(bytes);
          assert.equal(buffer.length, bytes);
          held.push({ buffer: buffer.fill(index & 255), mark: index & 255 });
        }
        for (const { buffer, mark } of held) assert.ok(buffer.every((byte) => byte === mark));
      }),
      { numRuns: 50 },
    ));

  it("is the same memory again, and goes to one taker only when it is given back twice", () => {
    const first = takeBuffer(100_000);
    giveBack(first);
    giveBack(first.subarray(5));
    const second = takeBuffer(99_000);
    assert.equal(second.buffer, first.buffer);
    assert.notEqual(takeBuffer(100_000).buffer, first.buffer);
  });

  it("does not take what came from elsewhere", () => {
    const foreign = Buffer.alloc(100_000, 1);
    giveBack(foreign);
    assert.notEqual(takeBuffer(100_000).buffer, foreign.buffer);
  });

  it("joins buffers in their order", () => {
    const parts = [takeBuffer(5000).fill(1), takeBuffer(3).fill(2), takeBuffer(70_000).fill(3)];
    const copies = parts.map((part) => Buffer.from(part));
    assert.ok(joined(parts).equals(Buffer.concat(copies)));
  });

  it("a few large ones do not keep the small ones out for good", () => {
    const large = Array.from({ length: 5 }, () => takeBuffer(4 * 1024 * 1024));
    for (const one of large) giveBack(one);
    const small = takeBuffer(64 * 1024);
    const { buffer: memory } = small;
    giveBack(small);
    assert.equal(takeBuffer(64 * 1024).buffer, memory);
  });
});
