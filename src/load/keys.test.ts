import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseKeys } from "./keys.ts";
import { seededRandom } from "./random.ts";

const draw = (text: string, count: number, seed = 7): string[] => {
  const next = parseKeys(text, seededRandom(seed));
  return Array.from({ length: count }, next);
};

describe("keys", () => {
  it("are six digits by default, and the same for the same seed", () => {
    assert.ok(draw("random", 1000).every((key) => /^[1-9]\d{5}$/.test(key)));
    assert.deepEqual(draw("random", 5), draw("random", 5));
    assert.notDeepEqual(draw("random", 5), draw("random", 5, 8));
  });

  it("of uniform:10 are all as likely: chi-squared below its 99.9 % point", () => {
    const counts = new Map<string, number>();
    for (const key of draw("uniform:10", 100_000)) counts.set(key, (counts.get(key) ?? 0) + 1);
    assert.equal(counts.size, 10);
    const chi = [...counts.values()].reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    assert.ok(chi < 27.9, `chi-squared ${chi} at 9 degrees of freedom`);
  });

  it("of a sequence begin again after the last", () => {
    assert.deepEqual(draw("sequence:3", 5), ["0", "1", "2", "0", "1"]);
    assert.deepEqual(draw("sequence", 3), ["0", "1", "2"]);
  });

  it("of a file are its lines in turn", () => {
    const folder = mkdtempSync(join(tmpdir(), "keys-"));
    const file = join(folder, "a:b.txt");
    writeFileSync(file, "one\r\ntwo\n\n");
    assert.deepEqual(draw(`file:${file}`, 3), ["one", "two", "one"]);
    writeFileSync(file, "\n");
    assert.throws(() => draw(`file:${file}`, 1), /holds no key; accepted: a file with one key on each line/);
    rmSync(folder, { recursive: true });
    assert.throws(() => draw(`file:${file}`, 1), /Cannot read the keys: ENOENT/);
  });

  for (const text of [
    "",
    "unknown",
    "uniform",
    "uniform:0",
    "uniform:x",
    "zipf:10:0",
    "zipf:10:1:2",
    "random:5",
  ]) {
    it(`refuses ${JSON.stringify(text)}, and says what is accepted`, () => {
      assert.throws(() => draw(text, 1), {
        code: "BAD_CONFIG",
        message: /accepted: random \(six digits\), uniform/,
      });
    });
  }
});

describe("zipf", () => {
  for (const [n, exponent] of [
    [1, 1],
    [2, 1],
    [50, 1.1],
    [50, 0.5],
    [50, 2],
  ] as const) {
    it(`over ${n} keys with exponent ${exponent} has the right shares: chi-squared below its 99.9 % point`, () => {
      const draws = 200_000;
      const counts = new Float64Array(n);
      for (const key of draw(`zipf:${n}:${exponent}`, draws)) (counts[Number(key)] as number)++;
      const weights = Array.from({ length: n }, (_, i) => (i + 1) ** -exponent);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      let chi = 0;
      for (const [i, weight] of weights.entries()) {
        const expected = (draws * weight) / total;
        chi += ((counts[i] as number) - expected) ** 2 / expected;
      }
      const limits: Record<number, number> = { 1: 0.001, 2: 10.9, 50: 85.4 };
      assert.ok(chi < (limits[n] as number), `chi-squared ${chi} at ${n - 1} degrees of freedom`);
    });
  }

  it("over 10 million keys costs no table", () => {
    const before = process.memoryUsage().heapUsed;
    assert.ok(draw("zipf:10000000:1.1", 1000).every((key) => Number(key) < 10_000_000));
    assert.ok(process.memoryUsage().heapUsed - before < 10_000_000);
  });
});
