import assert from "node:assert/strict";
import { test } from "node:test";
import { createTurns } from "./turns.ts";

test("work is done in order, one piece in a turn, also what is added meanwhile", async () => {
  const turns = createTurns();
  const done: string[] = [];
  let turn = 0;
  const count = (): void => {
    turn += 1;
    if (done.length < 4) setImmediate(count);
  };
  setImmediate(count);
  const note = (what: string): void => void done.push(`${what} in turn ${turn}`);
  turns.later(() => {
    note("a");
    turns.later(() => note("c"));
  });
  turns.later(() => note("b"));
  assert.equal(done.length, 0, "nothing at once");
  while (done.length < 3) await new Promise(setImmediate);
  turns.later(() => note("d"));
  while (done.length < 4) await new Promise(setImmediate);
  assert.deepEqual(
    done.map((line) => line[0]),
    ["a", "b", "c", "d"],
  );
  assert.equal(new Set(done.map((line) => line.slice(1))).size, 4, "no two in one turn");
});
