import assert from "node:assert/strict";
import { test } from "node:test";
import { visible } from "./visible-text.ts";

test("what cannot be seen, or turns letters around, is written out; letters of every script stay", () => {
  assert.equal(visible("\u202Elive\u0000\u2066\u200B\u0085"), "\\u202elive\\u0000\\u2066\\u200b\\u0085");
  for (const text of ["a\tb\r\nc", "grün שלום 日本 👩\u200d🚀", "\\u202e"]) assert.equal(visible(text), text);
});
