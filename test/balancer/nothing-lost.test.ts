// Planned changes under load lose nothing: a reload and a stop while 256 kept connections ask again and again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call, until } from "./client.ts";
import { openDoor } from "./door.ts";
import { startLoad } from "./steady-load.ts";

const slow = fileURLToPath(new URL("./slow-replica.mjs", import.meta.url));
const connections = 256;

test("reloads under 256 connections lose nothing, and end no connection", async () => {
  let written: FrontDoorOptions = { port: 0, admin: { port: 0 } };
  const door = await openDoor(written, undefined, async () => written);
  await door.settled;
  const load = startLoad(door.port, "/home", connections);
  for (const next of [
    { key: "path", limits: { headerCountMax: 20 } },
    { boundedLoad: 1.25, replicas: 4 },
    { headers: { via: false }, replicas: 2, heartbeat: { intervalMs: 500 } },
  ]) {
    const { answered } = load;
    await until("each connection has been served", () => load.answered >= answered + 4 * connections);
    written = { port: 0, admin: { port: 0 }, ...next };
    await door.reload();
  }
  await load.stop();
  await door.close(0);
  assert.deepEqual(load.lost, []);
  assert.equal(load.reopened, 0);
});

for (const lameDuckMs of [0, 1_000]) {
  test(`a stop under 256 connections, after ${lameDuckMs} ms as a lame duck, loses nothing`, async () => {
    const door = await openDoor({ lameDuckMs, drainMs: 20_000 }, [process.execPath, slow]);
    await door.settled;
    const load = startLoad(door.port, "/slow?ms=20", connections, 10);
    await until("each connection has been served", () => load.served === connections);
    const closed = door.close();
    if (lameDuckMs > 0) {
      assert.equal((await call(door.admin?.port ?? 0, "/readyz")).status, 503);
      assert.equal((await call(door.port, "/slow?ms=1")).status, 200, "a lame duck accepts");
    }
    await closed;
    await load.stop();
    assert.deepEqual(load.lost, []);
    assert.equal(load.inUse, 0);
    assert.ok(load.answered >= 2 * connections, "each connection's next request was answered");
  });
}
