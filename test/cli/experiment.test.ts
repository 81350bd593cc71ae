// `roundhouse experiment` as users run it, with few requests: what it writes can be read, and agrees with itself.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { queueStarter } from "../../src/experiments/running-queue.ts";
import { main, run } from "./roundhouse-process.ts";

const folder = mkdtempSync(join(tmpdir(), "experiment-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("roundhouse experiment", () => {
  it("a1 writes a report, charts and raw data that agree", async () => {
    const { code, stdout, stderr } = await run(["experiment", "a1", "--requests", "400", "--out", folder]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /A-1: how requests spread/);
    const files = readdirSync(join(folder, "a1")).sort();
    const chart = ["requests-per-server.csv", "requests-per-server.png", "requests-per-server.svg"];
    assert.deepEqual(files, ["data.json", ...chart, "report.md"].sort());
    const read = (name: string) => readFileSync(join(folder, "a1", name), "utf8");
    const { data } = JSON.parse(read("data.json")) as {
      data: { placement: string; counts: number[]; failed: number }[];
    };
    for (const { counts, failed } of data) {
      assert.equal(counts.reduce((sum, count) => sum + count, 0) + failed, 400);
      assert.equal(failed, 0);
      assert.ok(read("requests-per-server.csv").includes(counts.join(",")));
    }
    assert.match(read("report.md"), /- command: `roundhouse experiment a1 --requests 400 --out/);
    assert.ok(!read("report.md").includes("not** agree"));
    const png = readFileSync(join(folder, "a1", "requests-per-server.png"));
    assert.equal(png.toString("latin1", 1, 4), "PNG");
    assert.ok(png.length > 10_000, "the picture is empty");
  });

  it("starts a queue, creates a topic and tells what it keeps", async () => {
    const never = new AbortController().signal;
    const queue = await queueStarter([process.execPath, main], never)(2);
    await queue.createTopic("orders", 3);
    assert.deepEqual([...(await queue.sizes("orders")).values()], [0, 0, 0]);
    await queue.stop();
  });

  it("refuses a name that it does not know", async () => {
    const { code, stderr } = await run(["experiment", "b1", "--out", folder]);
    assert.equal(code, 2);
    assert.match(stderr, /There is no experiment "b1"; accepted: a1, a2/);
  });
});
