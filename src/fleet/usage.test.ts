// The rounds of looks at what replicas use: rates between two looks, slow launchers, those who come and go.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { LaunchHandle } from "./launcher.ts";
import { createUsageMeter } from "./usage.ts";

let nowMs = 0;
beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** Lets time pass in steps that are shorter than any pause, and answers arrive. */
async function pass(ms: number): Promise<void> {
  for (const endMs = nowMs + ms; nowMs < endMs; ) {
    nowMs += 5;
    mock.timers.tick(5);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}

function handle(figures: Pick<LaunchHandle, "cpuSeconds" | "rssBytes">): LaunchHandle {
  return { stop: () => {}, kill: () => {}, confirm: async () => true, ...figures };
}

const meterOf = (looked: string[] = []) =>
  createUsageMeter(
    (run, { cpuSeconds }) => looked.push(`${run}: ${cpuSeconds}`),
    () => nowMs,
  );

test("processor time becomes a share of a core at the second look", async () => {
  const looked: string[] = [];
  const meter = meterOf(looked);
  const beganMs = nowMs;
  meter.watch(
    1,
    handle({ cpuSeconds: async () => 10 + (0.25 * (nowMs - beganMs)) / 1000, rssBytes: async () => 4096 }),
  );
  await pass(2_000);
  assert.equal(meter.of(1)?.cpuCores, null);
  assert.equal(meter.of(1)?.rssBytes, 4096);
  await pass(2_000);
  assert.equal(meter.of(1)?.cpuCores?.toFixed(6), "0.250000");
  assert.deepEqual(looked, ["1: 10.5", "1: 11"]);
});

test("a sum that falls, and a system that does not tell, give no share", async () => {
  let cpuSeconds: number | null = 100;
  const meter = meterOf();
  meter.watch(1, handle({ cpuSeconds: async () => cpuSeconds, rssBytes: async () => null }));
  await pass(2_000);
  cpuSeconds = 1;
  await pass(2_000);
  assert.deepEqual([meter.of(1)?.cpuSeconds, meter.of(1)?.cpuCores], [1, null]);
  cpuSeconds = null;
  await pass(2_000);
  assert.deepEqual([meter.of(1)?.cpuSeconds, meter.of(1)?.cpuCores], [null, null]);
});

test("one that is slow to tell is not asked again meanwhile, and holds up nobody", async () => {
  let asked = 0;
  const never = () => {
    asked += 1;
    return new Promise<number>(() => {});
  };
  const meter = meterOf();
  meter.watch(1, handle({ cpuSeconds: never, rssBytes: async () => 1 }));
  meter.watch(2, handle({ cpuSeconds: async () => 7, rssBytes: async () => 1 }));
  await pass(8_000);
  assert.equal(asked, 1);
  assert.equal(meter.of(1), null);
  assert.equal(meter.of(2)?.cpuSeconds, 7);
});

test("with many replicas a round takes longer; who has left is not looked at", async () => {
  const looked: string[] = [];
  const meter = meterOf(looked);
  for (let run = 1; run <= 200; run += 1)
    meter.watch(run, handle({ cpuSeconds: async () => run, rssBytes: async () => 1 }));
  await pass(2_000);
  assert.ok(looked.length <= 2_000 / 25, `${looked.length} looks`);
  for (let run = 1; run <= 200; run += 1) meter.unwatch(run);
  const before = looked.length;
  await pass(2_000);
  assert.equal(looked.length, before);
  assert.equal(meter.of(1), null);
});
