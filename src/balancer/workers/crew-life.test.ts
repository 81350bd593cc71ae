import assert from "node:assert/strict";
import { test } from "node:test";
import { type CrewEvent, type CrewState, emptyCrew, nextClockMs, readyMsMax, reduce } from "./crew-life.ts";

function crew(size: number) {
  let state: CrewState = emptyCrew(size);
  let nowMs = 0;
  return {
    /** What follows from the event, in words. */
    take: (event: CrewEvent): string[] => {
      const result = reduce(state, event, nowMs);
      state = result.state;
      return result.effects.map((effect) =>
        effect.type === "rolled" ? `rolled: ${effect.problem ?? "well"}` : `${effect.type} ${effect.id}`,
      );
    },
    wait: (ms: number) => {
      nowMs += ms;
    },
    clockInMs: () => nextClockMs(state) - nowMs,
    phases: () => [...state.workers].map(([id, { phase }]) => `${id} ${phase}`),
  };
}

function open(size: number) {
  const it = crew(size);
  it.take({ type: "roll" });
  for (let id = 1; id <= size; id += 1) it.take({ type: "ready", id });
  return it;
}

test("the first opening is a roll from nothing", () => {
  const it = crew(2);
  assert.deepEqual(it.take({ type: "roll" }), ["fork 1", "fork 2"]);
  assert.deepEqual(it.take({ type: "ready", id: 2 }), []);
  assert.deepEqual(it.take({ type: "ready", id: 1 }), ["rolled: well"]);
});

test("in a roll the old ones leave when all new ones are ready, and not before", () => {
  const it = open(2);
  assert.deepEqual(it.take({ type: "roll" }), ["fork 3", "fork 4"]);
  assert.deepEqual(it.take({ type: "ready", id: 3 }), []);
  assert.deepEqual(it.take({ type: "ready", id: 4 }), ["leave 1", "leave 2", "rolled: well"]);
  assert.deepEqual(it.take({ type: "exited", id: 1, reason: "" }), []);
  assert.deepEqual(it.take({ type: "exited", id: 2, reason: "" }), []);
  assert.deepEqual(it.phases(), ["3 serving", "4 serving"]);
});

test("a roll whose newcomer cannot open is given up, and the old ones stay", () => {
  const it = open(2);
  it.take({ type: "roll" });
  it.take({ type: "ready", id: 3 });
  const told = it.take({ type: "exited", id: 4, reason: "could not open" });
  assert.deepEqual(told, ["lost 4", "kill 3", "rolled: could not open"]);
  assert.deepEqual(it.take({ type: "exited", id: 3, reason: "was killed" }), []);
  assert.deepEqual(it.phases(), ["1 serving", "2 serving"]);
  assert.deepEqual(it.take({ type: "roll" }), ["fork 5", "fork 6"]);
});

test("one that takes too long is killed, and its roll with it", () => {
  const it = open(1);
  it.take({ type: "roll" });
  assert.equal(it.clockInMs(), readyMsMax);
  it.wait(readyMsMax);
  assert.deepEqual(it.take({ type: "clock" }), ["kill 2"]);
  assert.deepEqual(it.take({ type: "exited", id: 2, reason: "was ended by SIGKILL" }), [
    "lost 2",
    "rolled: was ended by SIGKILL",
  ]);
});

test("one that is lost is replaced at once; those that fail again and again ever more slowly", () => {
  const it = open(2);
  it.wait(60_000);
  assert.deepEqual(it.take({ type: "exited", id: 1, reason: "crashed" }), ["lost 1", "fork 3"]);
  it.take({ type: "ready", id: 3 });
  assert.deepEqual(it.take({ type: "exited", id: 3, reason: "crashed" }), ["lost 3", "fork 4"]);
  assert.deepEqual(it.take({ type: "exited", id: 4, reason: "crashed" }), ["lost 4"]);
  assert.equal(it.clockInMs(), 100);
  it.wait(100);
  assert.deepEqual(it.take({ type: "clock" }), ["fork 5"]);
  for (let id = 5; id < 20; id += 1) {
    it.take({ type: "exited", id, reason: "crashed" });
    assert.ok(it.clockInMs() <= 5_000);
    it.wait(5_000);
    it.take({ type: "clock" });
  }
});

test("when all leave, nobody is replaced", () => {
  const it = open(2);
  it.take({ type: "roll" });
  assert.deepEqual(it.take({ type: "leave" }).sort(), [
    "leave 1",
    "leave 2",
    "leave 3",
    "leave 4",
    "rolled: the front door stops",
  ]);
  assert.deepEqual(it.take({ type: "exited", id: 1, reason: "" }), []);
  assert.equal(it.clockInMs(), Number.POSITIVE_INFINITY);
});
