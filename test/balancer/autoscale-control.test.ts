// What people change while autoscale keeps the count: replicas by hand, the configuration, a restart.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";
import { autoscale, count, slow, withDoor } from "./scaled-door.ts";
import { startLoad } from "./steady-load.ts";

const folder = mkdtempSync(join(tmpdir(), "roundhouse-"));
after(() => rmSync(folder, { recursive: true }));

const change = (door: TestDoor, method: "POST" | "DELETE", n: number) =>
  call(door.port, method === "POST" ? "/add" : "/rm", {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ n }),
  });

test("/add and /rm move the count within the bounds, autoscale goes on from there; beyond them they are refused", async () => {
  await withDoor({ autoscale: { ...autoscale, stabilizationMs: 3_000 } }, async (door) => {
    const since = performance.now();
    const added = await change(door, "POST", 2);
    assert.deepEqual(JSON.parse(added.body).message.N, 3);
    const tooMany = await change(door, "POST", 2);
    assert.equal(tooMany.status, 400);
    assert.match(
      tooMany.body,
      /<Error> Cannot add 2 of 3 replicas: autoscale keeps 1 to 4; n may be up to 1, or/,
    );
    assert.equal(count(door), 3, "nothing was changed");
    await until("nobody needs them", () => count(door) === 1);
    assert.ok(performance.now() - since > 2_000, "they stayed for the window");
    const tooFew = await change(door, "DELETE", 1);
    assert.equal(tooFew.status, 400);
    assert.match(
      tooFew.body,
      /Cannot remove 1 of 1 replicas: autoscale keeps 1 to 4; none can be, or change/,
    );

    const load = startLoad(door.port, "/slow?ms=100", 30);
    await until("there are four", () => count(door) === 4);
    assert.equal((await change(door, "DELETE", 2)).status, 200);
    await until("the load has brought them back", () => count(door) === 4);
    await load.stop();
    assert.deepEqual(load.lost, []);
  });
});

test("a reload changes targets and bounds at once, and switches autoscale off and on", async () => {
  const base = { port: 0, admin: { port: 0 } } as const;
  let written: FrontDoorOptions = { ...base, autoscale };
  const door = await openDoor(written, slow, async () => written);
  try {
    await door.settled;
    const load = startLoad(door.port, "/slow?ms=50", 8);
    await until("there are two", () => count(door) === 2);
    written = { ...base, autoscale: { ...autoscale, targets: { inFlight: 2 } } };
    assert.deepEqual((await door.reload()).changed, ["autoscale.targets.inFlight"]);
    await until("each has half as many", () => count(door) === 4);
    written = { ...base, autoscale: { ...autoscale, max: 3 } };
    await door.reload();
    await until("there are no more than there may be", () => count(door) === 3);
    written = { ...base };
    await door.reload();
    assert.equal((await call(door.admin?.port ?? 0, "/api/v1/autoscale")).status, 400);
    assert.equal((await change(door, "POST", 3)).status, 200, "nothing bounds it now");
    assert.equal(count(door), 6);
    written = { ...base, autoscale };
    await door.reload();
    await until("it keeps them again", () => count(door) <= 4);
    written = { ...base, autoscale: { ...autoscale, min: 9 } };
    await assert.rejects(door.reload(), { code: "BAD_CONFIG", message: /min 9 and max 4/ });
    await load.stop();
    assert.deepEqual(load.lost, []);
  } finally {
    await door.close(0);
  }
});

test("after a restart with --state it goes on from the last count, within its bounds", async () => {
  const state = join(folder, "state.json");
  const calm = { ...autoscale, stabilizationMs: 60_000 };
  await withDoor({ state, autoscale: calm }, async (door) => {
    await change(door, "POST", 3);
    assert.equal(count(door), 4);
  });
  assert.equal(JSON.parse(readFileSync(state, "utf8")).replicas.length, 4);
  await withDoor({ state, autoscale: calm }, async (door) => assert.equal(count(door), 4));
  await withDoor({ state, autoscale: { ...calm, max: 2 } }, async (door) => assert.equal(count(door), 2));
  await withDoor({ state, autoscale: { ...calm, min: 3 } }, async (door) => assert.equal(count(door), 3));
});
