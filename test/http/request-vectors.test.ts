// Every request vector, whole, through the real proxy: what the client gets and what reaches the upstream.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { requestVectors } from "./corpus.ts";
import { complaints } from "./judge.ts";
import { type Lane, startLane } from "./lane.ts";

describe("request vectors", { concurrency: false }, () => {
  let lane: Lane;
  before(async () => {
    lane = await startLane();
  });
  after(() => lane.close());

  it("are at least 200", () => assert.ok(requestVectors.length >= 200, `${requestVectors.length}`));

  for (const vector of requestVectors) {
    it(`${vector.id}: ${vector.why} (RFC ${vector.rfc}, ${vector.level})`, async () => {
      const outcome = await lane.run(vector);
      const found = complaints(vector, outcome);
      assert.deepEqual(found, [], `${JSON.stringify(vector.send.slice(0, 600))}\n  ${found.join("\n  ")}`);
    });
  }
});
