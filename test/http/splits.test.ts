// Every vector again, its bytes split: one byte at a time, and in two at every boundary. The same result each time.
//   ROUNDHOUSE_SPLITS=all   every boundary of every vector up to 2,000 bytes (default: of a quarter of those up to 250)
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { answerComplaints } from "./answer-judge.ts";
import { type AnswerLane, startAnswerLane } from "./answer-lane.ts";
import { answerVectors, requestVectors } from "./corpus.ts";
import { complaints, normalised, type Outcome } from "./judge.ts";
import { type Lane, startLane } from "./lane.ts";
import { statusOf } from "./strict.ts";
import type { RequestVector } from "./vectors/vector.ts";

const all = process.env.ROUNDHOUSE_SPLITS === "all";
const lengthMax = all ? 2_000 : 250;
const every = all ? 1 : 4;

const boundaries = (bytes: string): number[] =>
  Array.from({ length: Math.max(0, bytes.length - 1) }, (_, i) => i + 1);
const sampled = <T>(vectors: readonly T[], text: (vector: T) => string): readonly T[] =>
  vectors.filter((vector, i) => i % every === 0 && text(vector).length <= lengthMax);

describe("request vectors, split", { concurrency: false }, () => {
  let lane: Lane;
  before(async () => {
    lane = await startLane();
  });
  after(() => lane.close());

  async function same(vector: RequestVector, splits: readonly (readonly number[])[]): Promise<void> {
    const whole = results(vector, await lane.run(vector));
    for (const cuts of splits) {
      const outcome = await lane.run(vector, cuts);
      const where = `${vector.id} cut at ${cuts.length > 3 ? "every byte" : cuts}: ${JSON.stringify(vector.send.slice(0, 400))}`;
      assert.deepEqual(complaints(vector, outcome), [], where);
      assert.deepEqual(results(vector, outcome), whole, where);
    }
  }

  for (const vector of requestVectors.filter(({ send }) => send.length <= 2_000))
    it(`${vector.id}, a byte at a time`, () => same(vector, [boundaries(vector.send)]));
  for (const vector of sampled(requestVectors, ({ send }) => send))
    it(`${vector.id}, in two at every byte`, () =>
      same(
        vector,
        boundaries(vector.send).map((at) => [at]),
      ));
});

/** What must not depend on the split. Where the fault lies within a body, how much went on before may. */
function results({ expect }: RequestVector, outcome: Outcome): unknown {
  const requests = outcome.requests.map((request) => normalised(request));
  return expect.kind === "cut"
    ? { requests }
    : { requests, statuses: outcome.answers.finals.map(statusOf), ended: outcome.ended };
}

describe("answer vectors, split", { concurrency: false }, () => {
  let lane: AnswerLane;
  before(async () => {
    lane = await startAnswerLane();
  });
  after(() => lane.close());

  const check = async (
    vector: (typeof answerVectors)[number],
    splits: readonly (readonly number[])[],
  ): Promise<void> => {
    for (const cuts of splits)
      assert.deepEqual(
        answerComplaints(vector, await lane.run(vector, cuts)),
        [],
        `${vector.id} cut at ${cuts.slice(0, 3)}`,
      );
  };
  for (const vector of answerVectors.filter(({ answer }) => answer.length <= 2_000))
    it(`${vector.id}, a byte at a time`, () => check(vector, [boundaries(vector.answer)]));
  for (const vector of sampled(answerVectors, ({ answer }) => answer))
    it(`${vector.id}, in two at every byte`, () =>
      check(
        vector,
        boundaries(vector.answer).map((at) => [at]),
      ));
});
