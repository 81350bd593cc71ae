import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyDraft, freeSeats, previewBody, stepsOf } from "./draft.ts";

const members = [1, 2, 4].map((seat) => ({ seat, replica: `S${seat}`, weight: 1, share: 1 / 3 }));
const taken = [1, 2, 4];

test("what does not differ from now is no change", () => {
  assert.equal(previewBody(emptyDraft, members, taken), null);
  const same = { ...emptyDraft, weights: new Map([[1, "1"]]), leaving: new Set([9]) };
  assert.equal(previewBody(same, members, taken), null);
  const unfit = {
    ...emptyDraft,
    weights: new Map([
      [1, ""],
      [2, "-3"],
      [4, "x"],
    ]),
  };
  assert.equal(previewBody(unfit, members, taken), null);
  assert.deepEqual(stepsOf(unfit, members), []);
});

test("newcomers get the lowest free seats, also while somebody leaves", () => {
  assert.deepEqual(freeSeats(taken, 3), [3, 5, 6]);
  const draft = {
    ...emptyDraft,
    add: 2,
    leaving: new Set([2]),
    weights: new Map([
      [1, "3"],
      [2, "5"],
    ]),
  };
  assert.deepEqual(previewBody(draft, members, taken), {
    add: [{ seat: 3 }, { seat: 5 }],
    remove: [2],
    weights: { 1: 3 },
  });
});

test("the steps add first and remove last", () => {
  const draft = { ...emptyDraft, add: 1, leaving: new Set([2]), weights: new Map([[4, "0.5"]]) };
  assert.deepEqual(stepsOf(draft, members), [
    { words: "Add one replica", method: "POST", path: "/api/v1/replicas", body: { n: 1 } },
    { words: "Give S4 the weight 0.5", method: "PUT", path: "/api/v1/replicas/S4", body: { weight: 0.5 } },
    { words: "Drain and remove S2", method: "DELETE", path: "/api/v1/replicas/S2" },
  ]);
});
