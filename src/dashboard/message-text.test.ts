import assert from "node:assert/strict";
import { test } from "node:test";
import { preview, shown } from "./message-text.ts";

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

test("numbers that would be rounded are shown as they are stored", () => {
  const text = '{"id":12345678901234567890}';
  assert.deepEqual(shown(text, undefined), { kind: "text", text, bytes: text.length });
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

test("a preview is one short line", () => {
  assert.equal(preview('{\n  "a": 1\n}', undefined), '{ "a": 1 }');
  assert.equal(preview("x".repeat(500), undefined).length, 200);
  assert.equal(preview(undefined, btoa("\x00\xff")), "00 ff");
  assert.equal(preview(null, undefined), "");
});
