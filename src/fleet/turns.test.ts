import assert from "node:assert/strict";
import { test } from "node:test";
import { createTurns } from "./turns.ts";

test("work is done in order, one piece in a turn, also what is added meanwhile", async () => {
  const turns = createTurns({ burst: 10, gapMs: 1_000 });
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

test("after a burst, work is done at the pace", async () => {
  const turns = createTurns({ burst: 3, gapMs: 40 });
  const times: number[] = [];
  const startMs = performance.now();
  for (let index = 0; index < 6; index += 1) turns.later(() => times.push(performance.now() - startMs));
  while (times.length < 6) await new Promise((resolve) => setTimeout(resolve, 5));
  // Pieces 4, 5 and 6 wait for 1, 2 and 3 gaps; a timer may fire a millisecond early.
  for (const piece of [3, 4, 5]) assert.ok((times[piece] as number) >= (piece - 2) * 40 - 2);
});
