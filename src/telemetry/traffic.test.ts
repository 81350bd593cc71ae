import assert from "node:assert/strict";
import { test } from "node:test";
import { createTrafficLedger, departedName, type TrafficLedger } from "./traffic.ts";

function counters(answers: number, latencies: readonly number[] = [answers, 0]) {
  const answersByCode = new Uint32Array(900);
  answersByCode[100] = answers;
  return {
    answersByCode,
    redispatched: 1,
    failed: 2,
    turnedAway: 5,
    truncated: 3,
    latencyCounts: latencies,
    latencySumS: answers / 2,
  };
}

function total(ledger: TrafficLedger): number {
  let sum = 0;
  for (const { answersByCode } of ledger.sums().values())
    for (const count of answersByCode.values()) sum += count;
  return sum;
}

test("counters are summed by name, over all upstreams that had it", () => {
  const ledger = createTrafficLedger(2);
  const first = counters(3);
  ledger.join("S1", first);
  ledger.leave(first);
  ledger.join("S1", counters(4));
  ledger.join("S2", counters(5));
  const sum = ledger.sums().get("S1");
  assert.deepEqual(sum, {
    answersByCode: new Map([[200, 7]]),
    redispatched: 2,
    failed: 4,
    turnedAway: 10,
    truncated: 6,
    latencyCounts: Float64Array.of(7, 0),
    latencySumS: 3.5,
  });
  assert.equal(total(ledger), 12);
});

test("what a departed replica still counts while it drains is seen", () => {
  const ledger = createTrafficLedger(2);
  const leaving = counters(1);
  ledger.join("S1", leaving);
  ledger.leave(leaving);
  leaving.answersByCode[100] = 2;
  assert.equal(total(ledger), 2);
});

test("a thousand replacements keep a bounded page, and no total goes backwards", () => {
  const ledger = createTrafficLedger(2, 10);
  let before = 0;
  for (let life = 0; life < 1000; life += 1) {
    const own = counters(1);
    ledger.join(`R${life}`, own);
    if (life % 2 === 0) ledger.leave(own);
    const now = total(ledger);
    assert.equal(now, before + 1);
    before = now;
    if (life % 2 === 1) ledger.leave(own);
    assert.equal(total(ledger), before);
  }
  assert.equal(ledger.sums().size, 11);
  assert.equal(ledger.sums().get(departedName)?.answersByCode.get(200), 990);
});

test("the ledger's own sums do not change what it keeps", () => {
  const ledger = createTrafficLedger(2, 0);
  const own = counters(5);
  ledger.join("S1", own);
  ledger.leave(own);
  assert.equal(ledger.sums().get(departedName)?.failed, 2);
  assert.equal(ledger.sums().get(departedName)?.failed, 2);
});
