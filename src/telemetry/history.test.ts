import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createHistory } from "./history.ts";
import type { ReplicaFigures, Totals, TrafficStep } from "./traffic-step.ts";

const nothing: Totals = {
  requestsPerS: 0,
  s2xxPerS: 0,
  s3xxPerS: 0,
  s4xxPerS: 0,
  s5xxPerS: 0,
  ownPerS: 0,
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
  inFlight: 0,
  waiting: 0,
  connections: 0,
  retriesPerS: 0,
  redispatchedPerS: 0,
  overflowPerS: 0,
  ejections: 0,
  serving: 0,
  desired: 0,
  queueMessagesPerS: null,
  queueBytesPerS: null,
};

const figures = (requestsPerS: number): ReplicaFigures => ({
  requestsPerS,
  errorsPerS: 0,
  p50Ms: null,
  p99Ms: 2,
  inFlight: 1,
});

/** The n-th step of two seconds, with these requests/s. */
function step(n: number, rates: Record<string, number>): TrafficStep {
  const requestsPerS = Object.values(rates).reduce((sum, each) => sum + each, 0);
  const replicas = new Map(Object.entries(rates).map(([name, perS]) => [name, figures(perS)]));
  return { atMs: n * 2_000, totals: { ...nothing, requestsPerS, ejections: n === 3 ? 1 : 0 }, replicas };
}

describe("the history", () => {
  it("keeps the last steps and no more, the oldest first", () => {
    const history = createHistory({ steps: 4 });
    assert.deepEqual(history.report(0, 12).atMs, []);
    for (let n = 1; n <= 6; n++) history.push(step(n, { S1: n }));
    const { atMs, totals, busiest } = history.report(0, 12);
    assert.deepEqual(atMs, [6_000, 8_000, 10_000, 12_000]);
    assert.deepEqual(totals.requestsPerS, [3, 4, 5, 6]);
    assert.deepEqual(totals.ejections, [1, 0, 0, 0]);
    assert.deepEqual(totals.p99Ms, [null, null, null, null]);
    assert.deepEqual(busiest, [{ name: "S1", requestsPerS: [3, 4, 5, 6] }]);
    assert.equal(history.latest?.atMs, 12_000);
  });

  it("gives only what is newer than somebody has already", () => {
    const history = createHistory({ steps: 4 });
    for (let n = 1; n <= 6; n++) history.push(step(n, { S1: n }));
    assert.deepEqual(history.report(8_000, 12).totals.requestsPerS, [5, 6]);
    assert.deepEqual(history.report(99_000, 12).atMs, []);
  });

  it("shows the busiest replicas, with gaps where they were not there", () => {
    const history = createHistory({ steps: 4 });
    history.push(step(1, { S1: 10, S2: 5 }));
    history.push(step(2, { S1: 10, S2: 5, S3: 100 }));
    history.push(step(3, { S2: 5, S3: 100 }));
    assert.deepEqual(history.report(0, 2).busiest, [
      { name: "S3", requestsPerS: [null, 100, 100] },
      { name: "S1", requestsPerS: [10, 10, null] },
    ]);
    assert.deepEqual(history.replica("S1")?.figures.requestsPerS, [10, 10, null]);
    assert.deepEqual(history.replica("S1")?.figures.p99Ms, [2, 2, null]);
    assert.equal(history.replica("S4"), null);
  });

  it("forgets a replica that was in none of the steps kept, and then has room for another", () => {
    const history = createHistory({ steps: 3, replicasMax: 1 });
    history.push(step(1, { S1: 1 }));
    history.push(step(2, { S2: 1 }));
    assert.equal(history.replica("S2"), null);
    history.push(step(3, { S2: 1 }));
    assert.deepEqual(history.replica("S1")?.figures.requestsPerS, [1, null, null]);
    history.push(step(4, { S2: 1 }));
    assert.equal(history.replica("S1"), null);
    assert.deepEqual(history.replica("S2")?.figures.requestsPerS, [null, null, 1]);
  });
});
