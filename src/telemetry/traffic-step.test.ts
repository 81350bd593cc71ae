import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TrafficSum } from "./traffic.ts";
import { createTrafficSteps, latencySteps, type TrafficReading } from "./traffic-step.ts";

const boundsS = [0.01, 0.1];

function sumOf(codes: Record<number, number>, more: Partial<TrafficSum> = {}): TrafficSum {
  return {
    answersByCode: new Map(Object.entries(codes).map(([code, count]) => [Number(code), count])),
    redispatched: 0,
    failed: 0,
    turnedAway: 0,
    truncated: 0,
    latencyCounts: new Float64Array(boundsS.length + 1),
    latencySumS: 0,
    ...more,
  };
}

function reading(atMs: number, traffic: Record<string, TrafficSum>, more: Partial<TrafficReading> = {}) {
  const replicas = Object.keys(traffic).filter((name) => !name.startsWith("("));
  return {
    atMs,
    traffic: new Map(Object.entries(traffic)),
    ownAnswers: new Map(),
    retries: 0,
    ejections: 0,
    overflowed: 0,
    connections: 0,
    inFlight: new Map(replicas.map((name) => [name, 1])),
    waiting: 0,
    desired: replicas.length,
    queue: null,
    ...more,
  };
}

describe("a step of traffic", () => {
  it("is what has been counted since the reading before, per second of its real length", () => {
    const steps = createTrafficSteps(boundsS);
    assert.equal(steps(reading(1_000, { S1: sumOf({ 200: 1_000 }), S2: sumOf({}) })), null);
    const step = steps(
      reading(
        6_000,
        {
          S1: sumOf({ 200: 1_050, 503: 10 }, { failed: 5, redispatched: 20 }),
          S2: sumOf({ 404: 5 }),
          "(control)": sumOf({ 200: 999 }),
        },
        { ownAnswers: new Map([[502, 5]]), retries: 10, ejections: 2, overflowed: 15, connections: 7 },
      ),
    );
    assert.deepEqual(step?.replicas.get("S1"), {
      requestsPerS: 13,
      errorsPerS: 3,
      p50Ms: null,
      p99Ms: null,
      inFlight: 1,
    });
    const { totals } = step ?? assert.fail();
    assert.equal(totals.requestsPerS, 14);
    assert.deepEqual([totals.s2xxPerS, totals.s4xxPerS, totals.s5xxPerS, totals.ownPerS], [10, 1, 3, 1]);
    assert.deepEqual([totals.retriesPerS, totals.redispatchedPerS, totals.overflowPerS], [2, 4, 3]);
    assert.deepEqual([totals.ejections, totals.connections, totals.inFlight, totals.serving], [2, 7, 2, 2]);
    assert.equal(totals.queueMessagesPerS, null);
  });

  it("has percentiles of the last few steps, and none when nobody answered in them", () => {
    const steps = createTrafficSteps(boundsS);
    const answered = (counts: number[]) => sumOf({ 200: 1 }, { latencyCounts: Float64Array.from(counts) });
    steps(reading(0, { S1: answered([500, 0, 0]) }));
    const slow = steps(reading(2_000, { S1: answered([500, 100, 0]) }));
    assert.ok((slow?.totals.p50Ms ?? 0) > 10);
    assert.equal(slow?.totals.p99Ms, slow?.replicas.get("S1")?.p99Ms);
    let last = slow;
    for (let n = 2; n <= latencySteps; n++) last = steps(reading(n * 2_000, { S1: answered([500, 100, 0]) }));
    assert.ok((last?.totals.p99Ms ?? 0) > 10);
    last = steps(reading(99_000, { S1: answered([500, 100, 0]) }));
    assert.equal(last?.totals.p99Ms, null);
  });

  it("loses no request of a replica that has left, and shows it no longer once it is silent", () => {
    const steps = createTrafficSteps(boundsS);
    steps(reading(0, { S1: sumOf({ 200: 10 }) }));
    const gone = { inFlight: new Map<string, number>() };
    const leaving = steps(reading(1_000, { S1: sumOf({ 200: 30 }) }, gone));
    assert.equal(leaving?.replicas.get("S1")?.requestsPerS, 20);
    const silent = steps(reading(2_000, { S1: sumOf({ 200: 30 }) }, gone));
    assert.equal(silent?.replicas.size, 0);
    const folded = steps(reading(3_000, { "(departed)": sumOf({ 200: 30 }) }, gone));
    assert.equal(folded?.totals.requestsPerS, 0);
  });

  it("is never below zero: a worker that was killed takes its last counts with it", () => {
    const steps = createTrafficSteps(boundsS);
    steps(reading(0, { S1: sumOf({ 200: 100 }) }, { retries: 5, ejections: 3 }));
    const step = steps(reading(2_000, { S1: sumOf({ 200: 90 }) }, { retries: 4, ejections: 1 }));
    assert.equal(step?.totals.requestsPerS, 0);
    assert.equal(step?.totals.retriesPerS, 0);
    assert.equal(step?.totals.ejections, 0);
  });

  it("has the queue's rates where there is a queue", () => {
    const steps = createTrafficSteps(boundsS);
    steps(reading(0, {}, { queue: { messages: 0, bytes: 0 } }));
    const step = steps(reading(2_000, {}, { queue: { messages: 10, bytes: 1_000 } }));
    assert.equal(step?.totals.queueMessagesPerS, 5);
    assert.equal(step?.totals.queueBytesPerS, 500);
  });
});
