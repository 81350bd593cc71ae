// Every answer vector, whole, through the real proxy: what the client sees, and what becomes of the connection.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { answerComplaints } from "./answer-judge.ts";
import { type AnswerLane, startAnswerLane } from "./answer-lane.ts";
import { answerVectors } from "./corpus.ts";

describe("answer vectors", { concurrency: false }, () => {
  let lane: AnswerLane;
  before(async () => {
    lane = await startAnswerLane();
  });
  after(() => lane.close());

  for (const vector of answerVectors) {
    it(`${vector.id}: ${vector.why} (RFC ${vector.rfc}, ${vector.level})`, async () => {
      const found = answerComplaints(vector, await lane.run(vector));
      assert.deepEqual(found, [], `${JSON.stringify(vector.answer.slice(0, 400))}\n  ${found.join("\n  ")}`);
    });
  }
});
