import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { admit, type ProducerState, REMEMBERED_BATCHES, remember, sequenceAfter } from "./producers.ts";

const claim = (baseSequence: number, count = 10, producerEpoch = 0) => ({
  producerId: 7,
  producerEpoch,
  baseSequence,
  count,
});

function after(...sequences: number[]): ProducerState | undefined {
  let state: ProducerState | undefined;
  for (const [i, sequence] of sequences.entries()) state = remember(state, claim(sequence), 100 * i);
  return state;
}

describe("a producer's memory of one shard", () => {
  it("takes any first batch, then only the next one", () => {
    assert.equal(admit(undefined, claim(30)).kind, "append");
    assert.equal(admit(after(30), claim(40)).kind, "append");
    assert.deepEqual(admit(after(30), claim(50)), {
      kind: "refuse",
      code: "SEQUENCE_GAP",
      reason:
        "producer 7 sent sequence 50 where 40 comes next; send what is missing first, or take a new producer id",
    });
  });

  it("answers one of the last five with its first offset, and no older one", () => {
    const state = after(0, 10, 20, 30, 40, 50);
    assert.equal(state?.batches.length, REMEMBERED_BATCHES);
    assert.deepEqual(admit(state, claim(10)), { kind: "duplicate", baseOffset: 100 });
    assert.deepEqual(admit(state, claim(50)), { kind: "duplicate", baseOffset: 500 });
    assert.equal(admit(state, claim(0)).kind, "refuse");
  });

  it("does not take a batch of another length for the same one", () => {
    assert.equal(admit(after(0), claim(0, 9)).kind, "refuse");
  });

  it("begins anew with a newer instance, and refuses an older one", () => {
    const newer = remember(after(0, 10), claim(0, 10, 1), 900);
    assert.equal(newer.batches.length, 1);
    assert.equal(admit(after(0), claim(0, 10, 1)).kind, "append");
    assert.equal(admit(after(0), claim(10, 10, 1)).kind, "refuse");
    const verdict = admit(newer, claim(20, 10, 0));
    assert.equal(verdict.kind === "refuse" && verdict.code, "PRODUCER_FENCED");
  });

  it("wraps its sequence after 2^31 − 1", () => {
    assert.equal(sequenceAfter(0x7fff_ffff, 1), 0);
    const state = remember(undefined, claim(0x7fff_fffa, 10), 0);
    assert.equal(state.batches[0]?.lastSequence, 3);
    assert.equal(admit(state, claim(4)).kind, "append");
    assert.equal(admit(state, claim(0x7fff_fffa, 10)).kind, "duplicate");
  });

  it("lets every batch in exactly once and in order, whatever is sent again", () => {
    const sends = fc.array(fc.nat(8), { maxLength: 60 });
    fc.assert(
      fc.property(sends, (stepsBack) => {
        let state: ProducerState | undefined;
        let next = 0;
        for (const back of stepsBack) {
          const batch = Math.max(0, next - back);
          const verdict = admit(state, claim(batch * 10));
          if (batch === next) {
            assert.equal(verdict.kind, "append");
            state = remember(state, claim(batch * 10), batch * 10);
            next++;
          } else if (next - batch <= REMEMBERED_BATCHES) {
            assert.deepEqual(verdict, { kind: "duplicate", baseOffset: batch * 10 });
          } else assert.equal(verdict.kind, "refuse");
        }
      }),
    );
  });
});
