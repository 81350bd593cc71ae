// What a turn owes to each who waits for its end, whatever the others do.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { afterReads, atTurnEnd, settleReads, turnMs } from "./turn.ts";

/** The turn ends when it is called, and what is thrown is told and not thrown. */
function turnByHand(t: TestContext): { end(): void; thrown(): string[] } {
  const ends: (() => void)[] = [];
  const ticks: (() => void)[] = [];
  t.mock.method(globalThis, "setImmediate", (end: () => void) => ends.push(end));
  t.mock.method(process, "nextTick", (tick: () => void) => ticks.push(tick));
  const thrown = () =>
    ticks.splice(0).map((tick) => {
      try {
        tick();
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    });
  return { end: () => ends.shift()?.(), thrown };
}

const failing = (name: string) => () => {
  throw new Error(name);
};

test("who fails takes nothing from the others of its turn, nor from the next turn", (t) => {
  const turn = turnByHand(t);
  for (const round of [1, 2]) {
    const seen: string[] = [];
    afterReads({ readNow: failing("reader") }, null);
    afterReads({ readNow: (chunk) => seen.push(`read ${chunk}`) }, Buffer.from(`${round}`));
    atTurnEnd({ writeNow: failing("writer") });
    atTurnEnd({ writeNow: () => seen.push("written") });
    turn.end();
    assert.deepEqual(seen, [`read ${round}`, "written"]);
    assert.deepEqual(turn.thrown(), ["reader", "writer"]);
  }
});

test("a turn's time is that of its first read, not of the last", (t) => {
  const turn = turnByHand(t);
  let toldMs = 0;
  afterReads({ readNow: () => (toldMs = turnMs()) }, null);
  const readMs = performance.now();
  while (performance.now() - readMs < 2); // other sockets are read
  settleReads();
  assert.ok(toldMs > 0 && toldMs <= readMs, `${toldMs} for what was read at ${readMs}`);
  turn.end();
});
