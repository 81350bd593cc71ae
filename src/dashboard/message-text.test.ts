import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { preview, shown } from "./message-text.ts";
import { visible } from "./visible-text.ts";

test("JSON is set out in lines, other text is left as it is", () => {
  assert.deepEqual(shown('{"a":[1]}', undefined), {
    kind: "JSON",
    text: '{\n  "a": [\n    1\n  ]\n}',
    bytes: 9,
  });
  assert.deepEqual(shown("grün", undefined), { kind: "text", text: "grün", bytes: 5 });
  assert.equal(shown("42", undefined).kind, "text");
  assert.equal(shown("{no", undefined).kind, "text");
  assert.deepEqual(shown(null, undefined), { kind: "nothing", text: "", bytes: 0 });
});

test("JSON is set out as JSON.stringify does", () => {
  fc.assert(
    fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
      const text = JSON.stringify(value);
      assert.equal(shown(text, undefined).text, visible(JSON.stringify(JSON.parse(text), null, 2)));
    }),
  );
});

test("what parsing would lose is shown as it is stored", () => {
  const text = '{"b":12345678901234567890,"2":1.10,"1":1e400,"b":-0,"c":"\\u00fc,\\"[","d":[],"e":{ }}';
  const { kind, text: seen } = shown(text, undefined);
  assert.equal(kind, "JSON");
  assert.deepEqual(seen.split("\n"), [
    "{",
    '  "b": 12345678901234567890,',
    '  "2": 1.10,',
    '  "1": 1e400,',
    '  "b": -0,',
    '  "c": "\\u00fc,\\"[",',
    '  "d": [],',
    '  "e": {}',
    "}",
  ]);
});

test("a key cannot turn the letters beside it around", () => {
  assert.equal(preview("\u202Elive\u0000", undefined), "\\u202elive\\u0000");
  assert.equal(shown('["\u202Elive"]', undefined).text, '[\n  "\\u202elive"\n]');
});

test("bytes are shown in hexadecimal beside what can be read of them", () => {
  const { kind, text, bytes } = shown(undefined, btoa("\x00\x01AB\xff0123456789xyz"));
  assert.deepEqual([kind, bytes], ["binary", 18]);
  assert.deepEqual(text.split("\n"), [
    "00000000  00 01 41 42 ff 30 31 32 33 34 35 36 37 38 39 78  ..AB.0123456789x",
    "00000010  79 7a                                            yz",
  ]);
  assert.match(shown(undefined, btoa("x".repeat(5_000))).text, /… 904 more bytes$/);
});

test("of a long text the beginning is shown, and how much is left out", () => {
  const { text, bytes } = shown("x".repeat(70_000), undefined);
  assert.equal(bytes, 70_000);
  assert.equal(text, `${"x".repeat(65_536)}\n… 4464 more characters`);
  assert.match(shown(JSON.stringify(Array(60_000).fill(1)), undefined).text, /… \d+ more characters$/);
});

test("a preview is one short line", () => {
  assert.equal(preview('{\n  "a": 1\n}', undefined), '{ "a": 1 }');
  assert.equal(preview("x".repeat(500), undefined).length, 200);
  assert.equal(preview(undefined, btoa("\x00\xff")), "00 ff");
  assert.equal(preview(null, undefined), "");
});
