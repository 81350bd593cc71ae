// The judgement of a two-producer, two-consumer run: sound logs, and each fault that it must see.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeLogs } from "./consumer-logs.ts";

const produced = ["a", "b", "c"].map((message) => ({ message, producer: "1" }));
const sound = "T1:P1     a\nT1:P2     b\nT1:P1     c\n";

function judge(second: string): string {
  return judgeLogs(
    new Map([
      ["one", sound],
      ["two", second],
    ]),
    produced,
  ).join("; ");
}

describe("two consumers' logs", () => {
  it("are sound when shards come in turn, whatever the turns are", () => {
    assert.equal(judge("T1:P1     a\nT1:P1     c\nT1:P2     b\n"), "");
  });
  for (const [fault, text, said] of [
    ["a message is missing", "T1:P1     a\nT1:P1     c\n", /b is there 0 times/],
    ["a message came twice", `${sound}T1:P2     b\n`, /b is there 2 times/],
    [
      "a shard's order differs",
      "T1:P1     c\nT1:P1     a\nT1:P2     b\n",
      /P1 is in another order.*c?a out of its/,
    ],
    ["a stranger is there", `${sound}T1:P1     x\n`, /x, which was not produced/],
    ["the last line is cut off", sound.slice(0, -1), /last line is not complete/],
    ["a line is of another form", sound.replace("     b", " b"), /line 2 is "T1:P2 b"/],
  ] as const) {
    it(`are not when ${fault}`, () => assert.match(judge(text), said));
  }
});
