import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRecentOutput } from "./recent-output.ts";

const texts = (lines: readonly { text: string }[] | null) => lines?.map(({ text }) => text);

describe("recent output", () => {
  it("has each server's last lines, with their times and streams", () => {
    let nowMs = 1_000;
    const output = createRecentOutput({ linesMax: 2 }, () => nowMs++);
    output.begun("S1");
    output.begun("S2");
    output.note("S1", "stdout", "a");
    output.note("S1", "stderr", "b");
    output.note("S1", "stdout", "c");
    assert.deepEqual(output.of("S1"), [
      { atMs: 1_001, stream: "stderr", text: "b" },
      { atMs: 1_002, stream: "stdout", text: "c" },
    ]);
    assert.deepEqual(output.of("S2"), []);
    assert.equal(output.of("S3"), null);
  });

  it("is bounded in characters: of each, and of all together; the last line stays whatever its length", () => {
    const output = createRecentOutput({ charsMax: 10, charsMaxOfAll: 20 });
    output.begun("S1");
    for (const text of ["12345", "12345", "x"]) output.note("S1", "stdout", text);
    assert.deepEqual(texts(output.of("S1")), ["12345", "x"]);
    for (const name of ["S2", "S3", "S4"]) output.begun(name);
    output.note("S1", "stdout", "y");
    assert.deepEqual(texts(output.of("S1")), ["x", "y"]);
    output.note("S1", "stdout", "a long last word");
    assert.deepEqual(texts(output.of("S1")), ["a long last word"]);
  });

  it("keeps what the last ones that ended have said, and forgets the others", () => {
    const output = createRecentOutput({ endedMax: 2 });
    for (const name of ["S1", "S2", "S3", "S4"]) {
      output.begun(name);
      output.note(name, "stderr", `${name} fails`);
      if (name !== "S4") output.ended(name);
    }
    assert.equal(output.of("S1"), null);
    assert.deepEqual(texts(output.of("S2")), ["S2 fails"]);
    assert.deepEqual(texts(output.of("S4")), ["S4 fails"]);
    output.begun("S2"); // its start is tried again
    output.ended("S3");
    output.ended("S4");
    assert.deepEqual(texts(output.of("S2")), ["S2 fails"]);
  });
});
