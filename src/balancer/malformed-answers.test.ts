import assert from "node:assert/strict";
import { test } from "node:test";
import { createMalformedAnswers } from "./malformed-answers.ts";

test("the first malformed answer of a replica is logged with its reason, further ones once a minute", () => {
  const lines: object[] = [];
  let nowMs = 0;
  const malformed = createMalformedAnswers(
    { warn: (fields: object) => void lines.push(fields) },
    () => nowMs,
  );
  const line = (replica: string, problem: string, answers: number) => ({
    event: "malformed-answer",
    replica,
    problem,
    answers,
  });
  malformed.note("S1", "a");
  malformed.note("S1", "b");
  malformed.note("S2", "c");
  nowMs = 59_999;
  malformed.note("S1", "d");
  nowMs = 60_000;
  malformed.note("S1", "e");
  assert.deepEqual(lines, [line("S1", "a", 1), line("S2", "c", 1), line("S1", "e", 3)]);
});
