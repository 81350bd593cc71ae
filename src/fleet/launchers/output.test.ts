import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createLineCutter, createLineLimit } from "./output.ts";

function cut(chunks: readonly (string | Uint8Array)[]): string[] {
  const lines: string[] = [];
  const cutter = createLineCutter((line) => lines.push(line));
  for (const chunk of chunks) cutter.feed(Buffer.from(chunk));
  cutter.end();
  return lines;
}

const table: [string, (string | Uint8Array)[], string[]][] = [
  ["lines", ["one\ntwo\n"], ["one", "two"]],
  ["an unfinished last line", ["one\ntwo"], ["one", "two"]],
  ["a line in pieces", ["o", "ne\nt", "w", "o\n"], ["one", "two"]],
  ["empty lines", ["\n\na\n"], ["", "", "a"]],
  ["carriage returns at the end", ["one\r\ntwo\r\n"], ["one", "two"]],
  ["a character split between chunks", [Uint8Array.of(0xc3), Uint8Array.of(0xa4, 0x0a)], ["ä"]],
  ["colours", ["\u001b[1;31mred\u001b[0m\n"], ["red"]],
  [
    "what would steer a terminal",
    ["\u001b]0;title\u0007x\u001b[2J\r!\n"],
    ["\ufffd]0;title\ufffdx\ufffd[2J\ufffd!"],
  ],
  ["binary garbage", [Uint8Array.of(0, 255, 254, 9, 10)], ["\ufffd\ufffd\ufffd\t"]],
  ["a line of the greatest length", [`${"x".repeat(8192)}\ny\n`], ["x".repeat(8192), "y"]],
  ["a longer line", [`${"x".repeat(8193)}\n`], ["x".repeat(8192), "x"]],
  ["nothing", [], []],
];

for (const [what, chunks, lines] of table) {
  test(`cuts ${what}`, () => assert.deepEqual(cut(chunks), lines));
}

test("however the bytes are split, the lines are the same, and none is too long", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.stringMatching(/^[ab\n]{0,60}$/).map((text) => Buffer.from(text)),
    fc.integer({ min: 8_190, max: 8_194 }).map((length) => Buffer.from(`${"x".repeat(length)}\n`)),
  );
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 4 }), fc.integer({ min: 1, max: 97 }), (parts, step) => {
      const whole = Buffer.concat(parts);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < whole.length; at += step) pieces.push(whole.subarray(at, at + step));
      const lines = cut([whole]);
      assert.deepEqual(cut(pieces), lines);
      for (const line of lines) assert.ok(line.length <= 8_192 && !line.includes("\n"));
    }),
  );
});

test("a flood is cut to 1000 lines a second, and the loss is told", () => {
  let nowMs = 5_000;
  const lines: string[] = [];
  const limit = createLineLimit(
    (line) => lines.push(line),
    () => nowMs,
  );
  for (let index = 0; index < 1_500; index += 1) limit(`line ${index}`);
  assert.equal(lines.length, 1_000);
  nowMs = 6_001;
  limit("after");
  assert.deepEqual(lines.slice(1_000), ["… 500 lines dropped: more than 1000 in one second", "after"]);
});
