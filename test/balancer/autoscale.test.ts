// The number of replicas follows the load: real processes are started for it, and drained when it has gone. Nothing is
// lost. What people change meanwhile is in autoscale-control.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { call, until } from "./client.ts";
import { autoscale, count, reportOf, withDoor } from "./scaled-door.ts";
import { startLoad } from "./steady-load.ts";

test("up under load, never above max; down after it, the newest seats first; no request is lost", async () => {
  await withDoor({ autoscale }, async (door) => {
    assert.equal(count(door), 1, "autoscale begins with its least");
    const load = startLoad(door.port, "/slow?ms=100", 30);
    await until("there are as many as there may be", () => count(door) === 4);
    const grown = load.answered;
    await until("they serve", () => load.answered > grown + 100);
    assert.equal(count(door), 4);
    await load.stop();

    const little = startLoad(door.port, "/slow?ms=20", 1, 20);
    await until("there is one again", () => count(door) === 1);
    const shrunk = little.answered;
    await until("it serves", () => little.answered > shrunk + 20);
    await little.stop();
    assert.deepEqual([...load.lost, ...little.lost], []);
    assert.equal(door.fleet.serving()[0]?.seat, 1);

    const { decisions } = await reportOf(door);
    const counts = decisions.toReversed().map(({ from, to }) => [from, to]);
    assert.deepEqual(counts.slice(0, 2), [
      [1, 2],
      [2, 4],
    ]);
    assert.ok(
      counts.slice(2).every(([from = 0, to = 0]) => to < from),
      JSON.stringify(counts),
    );
    assert.ok(decisions.every(({ outcome }) => outcome === "done"));
    const said = door.logged.filter(({ event }) => event === "autoscale");
    assert.equal(said.length, decisions.length);
    assert.match(String(said[0]?.msg), /^Autoscale: 1 → 2 replicas \(load\): \d+\.\d in flight per replica/);
    const { body } = await call(door.admin?.port ?? 0, "/metrics");
    assert.match(body, /^roundhouse_autoscale_decisions_total\{direction="up"\} 2$/m);
    assert.match(body, /^roundhouse_autoscale_max 4$/m);
  });
});

test("answers that take too long ask for more replicas", async () => {
  const lab = fileURLToPath(new URL("../../dist/experiments/lab-replica.js", import.meta.url));
  const options = { autoscale: { ...autoscale, targets: { p95Ms: 90 } } };
  await withDoor(
    options,
    async (door) => {
      // One replica works on two requests at a time: the last of sixteen waits for 160 ms.
      const load = startLoad(door.port, "/home", 16);
      await until("there are more", () => count(door) >= 2);
      const [first] = (await reportOf(door)).decisions.toReversed();
      assert.match(first?.reason ?? "", /^p95 \d+ ms \(target 90\)/);
      await load.stop();
      assert.deepEqual(load.lost, []);
    },
    ["env", "WORKERS=2", "DELAY_MS=20", process.execPath, lab],
  );
});

test("a busy processor asks for more replicas", {
  skip: process.platform === "linux" ? false : "skipped: needs /proc",
}, async () => {
  const server = fileURLToPath(new URL("../fleet/fixtures/server.mjs", import.meta.url));
  const options = { autoscale: { ...autoscale, targets: { cpuCores: 0.1 } } };
  await withDoor(
    options,
    async (door) => {
      await call(door.port, "/spin");
      await until("there are more", () => count(door) >= 2);
      const [first] = (await reportOf(door)).decisions.toReversed();
      assert.match(first?.reason ?? "", /^\d+ % of a core per replica \(target 10 %\)/);
    },
    [process.execPath, server],
  );
});

test("with workers their loads add up", async () => {
  await withDoor({ autoscale, workers: 2 }, async (door) => {
    const load = startLoad(door.port, "/slow?ms=100", 30);
    await until("there are four", () => count(door) === 4);
    await load.stop();
    await until("there is one again", () => count(door) === 1);
    assert.deepEqual(load.lost, []);
  });
});
