// What the meter makes of the data plane's counts: averages over the window, and what is not known.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fleet } from "../fleet/fleet.ts";
import { latencyBucketsS } from "../proxy/upstream.ts";
import type { DataPlane } from "./data-plane.ts";
import { createLoadMeter } from "./load-meter.ts";

function metered(averageMs = 5_000) {
  let nowMs = 0;
  const load = { inFlight: 0, held: 0, failed: 0, latencies: new Float64Array(latencyBucketsS.length + 1) };
  const sum = (latencyCounts: Float64Array) => ({
    latencyCounts,
    failed: load.failed,
    turnedAway: 0,
    truncated: 0,
  });
  const dataPlane = {
    table: { inFlightOf: () => load.inFlight },
    get held() {
      return load.held;
    },
    read: () => ({
      heldTotal: 0,
      traffic: new Map([
        ["S1", sum(load.latencies.map((count) => count / 2))],
        ["S2", sum(load.latencies.map((count) => count / 2))],
        // Asking /rep is no load of the replicas'.
        ["(control)", sum(load.latencies.map(() => 1_000 + nowMs))],
      ]),
    }),
  } as unknown as DataPlane;
  const fleet = {
    serving: () => [{ name: "S1" }],
    usageOf: () => ({ cpuCores: 0.25 }),
  } as unknown as Fleet;
  const meter = createLoadMeter({
    fleet,
    dataPlane,
    gather: undefined,
    averageMs: () => averageMs,
    clockMs: () => nowMs,
  });
  /** So many seconds, with ten looks in each, and a reading at its end. */
  const pass = async (seconds: number, answersPerS = 0, bucket = 0) => {
    let reading = await meter.read();
    for (let tenth = 0; tenth < seconds * 10; tenth += 1) {
      nowMs += 100;
      load.latencies[bucket] = (load.latencies[bucket] as number) + answersPerS / 10;
      await meter.sample();
      if (tenth % 10 === 9) reading = await meter.read();
    }
    return reading;
  };
  return { load, meter, pass };
}

test("averages over the window: in flight by time, answers per second, p95, processor time", async () => {
  const { load, pass } = metered();
  load.inFlight = 10;
  const { signals, busy } = await pass(5, 200, 6);
  assert.equal(signals.inFlight?.toFixed(3), "10.000");
  assert.equal(signals.requestsPerS?.toFixed(3), "200.000");
  assert.equal(signals.answers, 1_000);
  assert.ok((signals.p95Ms ?? 0) > 25 && (signals.p95Ms ?? 0) <= 50, `${signals.p95Ms}`);
  assert.deepEqual(signals.cpuCores, [0.25]);
  assert.equal(busy, true);
  load.inFlight = 0;
  assert.equal((await pass(1)).signals.inFlight?.toFixed(3), "8.000", "four of five seconds");
  assert.equal((await pass(4)).signals.inFlight?.toFixed(3), "0.000");
});

test("nothing asked is answered at once; what is under way without an answer is not known", async () => {
  const { load, pass } = metered();
  const calm = await pass(6);
  assert.deepEqual([calm.busy, calm.signals.p95Ms, calm.signals.requestsPerS], [false, 0, 0]);
  load.inFlight = 1;
  const stuck = await pass(6);
  assert.deepEqual([stuck.busy, stuck.signals.p95Ms], [true, null]);
});

test("after a restart nothing is known until something was measured; what failed was asked, too", async () => {
  const { load, meter, pass } = metered();
  load.inFlight = 50;
  await pass(5);
  load.inFlight = 5;
  await meter.sample();
  meter.restart();
  assert.equal((await meter.read()).signals.inFlight, null);
  assert.equal((await pass(1)).signals.inFlight?.toFixed(3), "5.000", "not the 50 of before");
  load.inFlight = 0;
  await pass(1);
  assert.equal((await pass(1)).busy, false);
  load.failed = 1;
  assert.equal((await meter.read()).busy, true);
  load.held = 3;
  const { held, signals } = await pass(5);
  assert.deepEqual([held, signals.inFlight?.toFixed(1)], [3, "3.0"], "who is held is in flight");
});
