// `roundhouse load` against a real fleet: what it prints, what it writes, how it ends.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { LoadReport } from "../../src/load/report.ts";
import { type RunningFrontDoor, run, up } from "./roundhouse-process.ts";

const folder = mkdtempSync(join(tmpdir(), "load-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("roundhouse load", () => {
  let door: RunningFrontDoor;
  before(async () => {
    door = await up();
  });
  after(() => door.stop());

  it("counts every answer and its replica, and writes both reports", async () => {
    const [json, page] = [join(folder, "load.json"), join(folder, "load.html")];
    const args = ["--requests", "600", "--seed", "7", "--out", json, "--html", page];
    const { code, stdout, stderr } = await run(["load", `${door.url}/home`, ...args]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^600 answers in [\d.]+ s/);
    const { result, seed } = JSON.parse(readFileSync(json, "utf8")) as LoadReport;
    assert.deepEqual([seed, result.byCode, result.counts.failed.reset], [7, { 200: 600 }, 0]);
    assert.deepEqual(Object.keys(result.byReplica), ["S1", "S2", "S3"]);
    assert.equal(
      Object.values(result.byReplica).reduce((sum, count) => sum + count, 0),
      600,
    );
    const html = readFileSync(page, "utf8");
    assert.equal(html.match(/<svg/g)?.length, 3);
    assert.ok(!/<script|src=|href=/.test(html), "the page asks for something");
  });

  it("sends the same keys for the same seed: each replica gets as much again", async () => {
    const args = ["load", `${door.url}/item/{key}`, "--keys", "zipf:1000", "--requests", "300", "--json"];
    const shares = async (seed: string) => {
      const { stdout } = await run([...args, "--header", "X-Key: {key}", "--seed", seed]);
      return (JSON.parse(stdout) as LoadReport).result;
    };
    const [first, again] = [await shares("3"), await shares("3")];
    assert.equal(first.counts.answered, 300);
    assert.equal(first.counts.bytes, again.counts.bytes); // the answer repeats its path
  });

  it("exits with 1 when nothing was answered, and with 2 when it was told nonsense", async () => {
    const dead = await run(["load", "http://127.0.0.1:1/", "--requests", "3", "--users", "1"]);
    assert.equal(dead.code, 1);
    assert.match(dead.stdout, /connect: 3[\s\S]*ECONNREFUSED/);
    const nonsense = await run(["load", `${door.url}/`, "--keys", "many"]);
    assert.equal(nonsense.code, 2);
    assert.match(nonsense.stderr, /The keys are "many"; accepted: random/);
  });
});
