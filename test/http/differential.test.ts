// Every request vector given to node:http as well: each difference from what we ask of the front door is explained
// in differences.ts, and nothing there is stale.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { requestVectors } from "./corpus.ts";
import { differences, tableMadeWith } from "./differences.ts";
import { agrees, inWords, type SecondOpinion, startSecondOpinion } from "./second-opinion.ts";

describe("node:http as a second opinion", () => {
  let second: SecondOpinion;
  const seen = new Map<string, string>();
  before(async () => {
    second = await startSecondOpinion();
    for (const vector of requestVectors) {
      const opinion = await second.of(vector);
      if (!agrees(vector.expect, opinion)) seen.set(vector.id, inWords(opinion));
    }
  });
  after(() => second.close());

  const explained = new Map(
    differences.flatMap(({ node, ids }) =>
      ids.flatMap((line) => line.split(" ")).map((id) => [id, node] as const),
    ),
  );

  it("differs only where the table says so", () => {
    const unexplained = [...seen].filter(([id, words]) => explained.get(id) !== words);
    assert.deepEqual(unexplained, [], "differences that differences.ts does not explain");
  });

  it("differs wherever the table says so", (test) => {
    const major = Number(process.versions.node.split(".")[0]);
    if (major !== tableMadeWith)
      return test.diagnostic(`the table was made with Node ${tableMadeWith}, this is ${major}`);
    const stale = [...explained].filter(([id]) => !seen.has(id));
    assert.deepEqual(stale, [], "entries of differences.ts that are no difference any more");
  });

  it("names vectors that exist, each once", () => {
    const ids = differences.flatMap((group) => group.ids.flatMap((line) => line.split(" ")));
    assert.equal(new Set(ids).size, ids.length);
    const known = new Set(requestVectors.map(({ id }) => id));
    assert.deepEqual(
      ids.filter((id) => !known.has(id)),
      [],
    );
  });
});
