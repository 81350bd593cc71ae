import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../load/random.ts";
import { createHotKeys, type HotKey } from "./hot-keys.ts";

/** Requests at a steady pace on a clock set by hand. */
function world(options: { countersMax?: number } = {}) {
  let nowMs = 5_000;
  const hotKeys = createHotKeys({ ...options, clockMs: () => nowMs, random: seededRandom(5) });
  const run = (seconds: number, perS: number, keyOf: (request: number) => string | number) => {
    for (let request = 0; request < seconds * perS; request++) {
      nowMs += 1000 / perS;
      hotKeys.note(keyOf(request));
    }
  };
  return {
    hotKeys,
    run,
    wait: (ms: number) => {
      nowMs += ms;
    },
  };
}

function near(seen: number, wanted: number, part: number): void {
  assert.ok(Math.abs(seen - wanted) <= part * wanted, `${seen} instead of ${wanted}`);
}

test("rates and shares of a steady stream, right after the start and later", () => {
  const { hotKeys, run } = world();
  // A fifth of all requests has one key, a tenth another, the rest a key of its own each.
  const keyOf = (request: number) => (request % 5 === 0 ? "hot" : request % 10 === 1 ? 7 : `cold-${request}`);
  for (const seconds of [2, 60]) {
    run(seconds, 500, keyOf);
    const { ratePerS, sampledOneIn, keys } = hotKeys.top(5);
    assert.equal(sampledOneIn, 1);
    near(ratePerS, 500, 0.03);
    const [first, second] = keys as [HotKey, HotKey];
    assert.deepEqual([first.key, second.key], ["hot", 7]);
    near(first.ratePerS - first.errorPerS / 2, 100, 0.1);
    near(second.ratePerS - second.errorPerS / 2, 50, 0.1);
    assert.ok(first.share >= 0.19 && first.share < 0.22);
  }
});

test("many requests are sampled, at about a thousand per second, and the rates hold", () => {
  const { hotKeys, run } = world();
  run(20, 40_000, (request) => (request % 4 === 0 ? "hot" : `cold-${request % 5000}`));
  const { ratePerS, sampledOneIn, keys } = hotKeys.top(1);
  assert.ok(sampledOneIn >= 35 && sampledOneIn <= 45, `one in ${sampledOneIn}`);
  near(ratePerS, 40_000, 0.03);
  // The key repeats every four requests, and the sampling must not fall in step with it.
  near(keys[0]?.ratePerS ?? 0, 10_000, 0.1);
});

test("a key that cools down fades by half in ten seconds, and another takes its place", () => {
  const { hotKeys, run } = world();
  run(100, 200, () => "old");
  near(hotKeys.top(1).keys[0]?.ratePerS ?? 0, 200, 0.05);
  run(10, 200, () => "new");
  const { keys } = hotKeys.top(2);
  near(keys.find(({ key }) => key === "old")?.ratePerS ?? 0, 100, 0.05);
  run(30, 200, () => "new");
  assert.equal(hotKeys.top(1).keys[0]?.key, "new");
});

test("months without a restart overflow nothing", () => {
  const { hotKeys, run, wait } = world();
  run(10, 100, () => "a");
  wait(90 * 86_400_000);
  run(100, 100, () => "b");
  const { ratePerS, keys } = hotKeys.top(3);
  near(ratePerS, 100, 0.05);
  near(keys[0]?.ratePerS ?? 0, 100, 0.05);
  assert.equal(keys[0]?.key, "b");
});

test("where all keys are alike none is called hot", () => {
  const { hotKeys, run } = world({ countersMax: 64 });
  run(30, 500, (request) => `k${request}`);
  assert.deepEqual(hotKeys.top(10).keys, []);
});

test("a long key is stored by its beginning and its hash, and still told from its neighbours", () => {
  const { hotKeys, run } = world();
  const long = "x".repeat(5000);
  run(10, 100, (request) => `${long}${request % 2}`);
  const { keys } = hotKeys.top(3);
  assert.equal(keys.length, 2);
  for (const { key, cut } of keys) {
    assert.ok(cut);
    assert.match(String(key), /^x{256}…[0-9a-f]{8}$/);
  }
});

test("nothing noted, nothing hot", () => {
  assert.deepEqual(createHotKeys().top(5), { ratePerS: 0, sampledOneIn: 1, keys: [] });
});
