import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonErrorOffset } from "./json-error.ts";

test("the offset is that of the first character that cannot be part of JSON", () => {
  const cases: [string, number | null][] = [
    ['{"n":1}', null],
    [' [1, 2 , {"a": null}] \n', null],
    ['{"n":a}', 5],
    ['{"n":1,}', 7],
    ["{'n':1}", 1],
    ['{"n":1', 6],
    ['{"n":01}', 6],
    ['{"n":1}}', 7],
    ["[1 2]", 3],
    ["[1}", 2],
    ["", 0],
    ['"a\nb"', 0],
    ["tru", 0],
    ['{"a":[}', 6],
    ['{"a" 1}', 5],
  ];
  for (const [text, expected] of cases) assert.equal(jsonErrorOffset(text), expected, text);
});

test("valid and invalid texts are told apart as JSON.parse does", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    "1",
    "-0.5e3",
    "null",
    " ",
    "x",
    '"',
    "01",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.array(pieces, { maxLength: 8 }).map((list) => list.join("")),
      ),
      (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        assert.equal(jsonErrorOffset(text) === null, valid);
      },
    ),
    { numRuns: 2000 },
  );
});

test("deep nesting neither overflows nor takes long", () => {
  const depth = 60_000;
  assert.equal(jsonErrorOffset("[".repeat(depth)), depth);
  assert.equal(jsonErrorOffset("[".repeat(depth) + "]".repeat(depth)), null);
});
