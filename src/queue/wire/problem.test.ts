import assert from "node:assert/strict";
import { test } from "node:test";
import { RoundhouseError } from "../../errors.ts";
import { problemAnswer, problemOf, WireProblem } from "./problem.ts";

const documentOf = (error: unknown) => {
  const { status, body, fields = "" } = problemAnswer(problemOf(error));
  return { status, fields, json: JSON.parse(String(body)) };
};

test("a full disk is 507, a busy or moving tablet 503, both with Retry-After and marked as retryable", () => {
  for (const [code, status] of [
    ["DISK_FULL", 507],
    ["FULL", 503],
    ["TIMEOUT", 503],
    ["SHUTTING_DOWN", 503],
  ] as const) {
    const {
      status: got,
      fields,
      json,
    } = documentOf(new RoundhouseError(code, "Cannot …", { retryable: true }));
    assert.deepEqual([got, json.status, json.code, json.retryable], [status, status, code, true]);
    assert.match(fields, /^Retry-After: 1\r\n/);
  }
});

test("further members stand beside those of RFC 9457", () => {
  const { json } = documentOf(new WireProblem(409, "OFFSET_MISMATCH", "Cannot append: …", { end: 7 }));
  assert.deepEqual(json, {
    type: "about:blank",
    title: "offset mismatch",
    status: 409,
    code: "OFFSET_MISMATCH",
    detail: "Cannot append: …",
    end: 7,
  });
});

test("what nobody foresaw tells the client nothing of the inside", () => {
  const { status, json } = documentOf(new TypeError("secret of /etc"));
  assert.deepEqual([status, json.code], [500, "INTERNAL"]);
  assert.ok(!JSON.stringify(json).includes("secret"));
});
