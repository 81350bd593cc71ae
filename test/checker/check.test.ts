// The checker on histories that are written out: one sound, and for each kind of finding the smallest that shows it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkHistory, type FindingKind } from "./check.ts";
import type { History, Outcome, Poll, Produce, Seek } from "./history.ts";

let clock = 0;

function produce(values: string, offset: number | null, outcome: Outcome = "ok", shard = "P1"): Produce {
  const startedAt = clock++;
  return {
    kind: "produce",
    process: "p",
    shard,
    values: values.split(" "),
    offset,
    outcome,
    startedAt,
    endedAt: clock++,
  };
}

/** `poll("c", "0a 1b")`: reader c was given a at 0 and b at 1. */
function poll(process: string, texts: string, shard = "P1"): Poll {
  const messages = texts.split(" ").map((text) => {
    const [, offset, value] = /^(\d+)(.+)$/.exec(text) as RegExpExecArray;
    return { offset: Number(offset), value: value as string };
  });
  return { kind: "poll", process, shard, messages, startedAt: clock++, endedAt: clock++ };
}

function seek(process: string, offset: number | null): Seek {
  return { kind: "seek", process, shard: "P1", offset, startedAt: clock++, endedAt: clock++ };
}

function kinds(history: History): FindingKind[] {
  return checkHistory(history).map((finding) => finding.kind);
}

describe("the checker finds nothing wrong with", () => {
  it("readers that each see everything once and in order", () => {
    const history = [
      produce("a b", 0),
      produce("c", 2),
      poll("x", "0a 1b"),
      poll("x", "2c"),
      poll("y", "0a 1b 2c"),
    ];
    assert.deepEqual(kinds(history), []);
  });
  it("an operation without an answer that happened, one that did not, and one that was refused", () => {
    const history = [
      produce("a", null, "unknown"),
      produce("b", null, "unknown"),
      produce("c", null, "fail"),
      poll("x", "0b"),
    ];
    assert.deepEqual(kinds(history), []);
  });
  it("an operation without an answer that takes effect later than its end", () => {
    const history = [produce("a", null, "unknown"), produce("b", 0), poll("x", "0b 1a")];
    assert.deepEqual(kinds(history), []);
  });
  it("a reader that moves, back and forth", () => {
    const history = [
      produce("a b c", 0),
      poll("x", "0a 1b 2c"),
      seek("x", 0),
      poll("x", "0a"),
      seek("x", null),
      poll("x", "2c"),
    ];
    assert.deepEqual(kinds(history), []);
  });
  it("offsets that nobody's message has", () => {
    assert.deepEqual(kinds([produce("a", 0), produce("b", 5), seek("x", 0), poll("x", "0a 5b")]), []);
  });
  it("concurrent operations in either order", () => {
    const a = produce("a", 1);
    const b = { ...produce("b", 0), startedAt: a.startedAt };
    assert.deepEqual(kinds([a, b, poll("x", "0b 1a")]), []);
  });
});

describe("the checker finds", () => {
  it("lost: acknowledged, and passed by a reader", () => {
    assert.deepEqual(kinds([produce("a b c", 0), poll("x", "0a"), poll("x", "2c")]), ["lost"]);
  });
  it("lost: acknowledged without an offset, and a later one was read", () => {
    assert.deepEqual(kinds([produce("a", null), produce("b", null), poll("x", "0b")]), ["lost"]);
  });
  it("lost: acknowledged, and another value is read at its place", () => {
    const history = [produce("a b", 0), produce("c", null, "unknown"), poll("x", "0a 1c")];
    assert.deepEqual(kinds(history).sort(), ["inconsistent", "lost"]);
  });
  it("unseen: acknowledged, and not there at the end", () => {
    const history = [produce("a", 0), produce("b", 1), poll("x", "0a")];
    assert.deepEqual(kinds(history), ["unseen"]);
    assert.deepEqual(checkHistory(history, { finished: false }), []);
  });
  it("duplicated: at two offsets", () => {
    assert.deepEqual(kinds([produce("a", 0), poll("x", "0a 1a")]), ["duplicated"]);
    assert.deepEqual(kinds([produce("a", null, "unknown"), poll("x", "0a 1a")]), ["duplicated"]);
  });
  it("duplicated: in two shards", () => {
    assert.deepEqual(kinds([produce("a", 0), poll("x", "0a"), poll("x", "0a", "P2")]), [
      "duplicated",
      "phantom",
    ]);
  });
  it("inconsistent: two readers see two values at one offset", () => {
    const history = [
      produce("a", null, "unknown"),
      produce("b", null, "unknown"),
      poll("x", "0a"),
      poll("y", "0b"),
    ];
    assert.deepEqual(kinds(history), ["inconsistent"]);
  });
  it("inconsistent: two are acknowledged at one offset", () => {
    assert.ok(kinds([produce("a", 0), produce("b", 0), poll("x", "0b")]).includes("inconsistent"));
  });
  it("reordered: what was acknowledged first lies behind", () => {
    assert.deepEqual(kinds([produce("a", 1), produce("b", 0), poll("x", "0b 1a")]), ["reordered"]);
    assert.deepEqual(kinds([produce("a", null), produce("b", null), poll("x", "0b 1a")]), ["reordered"]);
  });
  it("reordered: within one batch", () => {
    assert.deepEqual(kinds([produce("a b", null), poll("x", "0b 1a")]), ["reordered"]);
  });
  it("skipped: a reader goes past what another one read", () => {
    assert.deepEqual(kinds([produce("a b c", 0), poll("x", "0a 1b 2c"), poll("y", "0a 2c")]), ["skipped"]);
    assert.deepEqual(kinds([produce("a b", 0), poll("x", "0a 1b"), seek("y", 0), poll("y", "1b")]), [
      "skipped",
    ]);
  });
  it("nonmonotonic: a reader is given what it has had", () => {
    assert.deepEqual(kinds([produce("a b", 0), poll("x", "0a 1b"), poll("x", "1b")]), ["nonmonotonic"]);
    assert.deepEqual(kinds([produce("a b", 0), poll("x", "0a 1b"), poll("y", "1b 0a")]), ["nonmonotonic"]);
  });
  it("phantom: never produced, or refused", () => {
    assert.deepEqual(kinds([poll("x", "0a")]), ["phantom"]);
    assert.deepEqual(kinds([produce("a", null, "fail"), poll("x", "0a")]), ["phantom"]);
  });
  it("and refuses a history in which a value is produced twice", () => {
    assert.throws(() => checkHistory([produce("a", 0), produce("a", 1)]), /a is produced twice/);
  });
});
