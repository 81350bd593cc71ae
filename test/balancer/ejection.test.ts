// Replicas in processes of their own whose heartbeats are fine and whose answers are not: they are set aside, their keys
// go to the next candidate, and come back with them.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { StatusReport } from "../../src/balancer/admin-api.ts";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

const faulty = fileURLToPath(new URL("./faulty-replica.mjs", import.meta.url));

async function withDoor(options: FrontDoorOptions, use: (door: TestDoor) => Promise<void>): Promise<void> {
  const door = await openDoor({ key: "path", replicas: 3, ...options }, [process.execPath, faulty]);
  await door.settled;
  try {
    await use(door);
  } finally {
    await door.close(0);
  }
}

const replicaOf = (door: TestDoor, name: string): StatusReport["replicas"][number] => {
  const found = door.status().replicas.find((replica) => replica.name === name);
  assert.ok(found, name);
  return found;
};

const phaseOf = (door: TestDoor, name: string) => replicaOf(door, name).condition?.ejection?.phase;

async function setFault(door: TestDoor, name: string, query: string): Promise<void> {
  const port = Number(replicaOf(door, name).address?.split(":")[1]);
  await call(port, `/fault${query}`, { method: "POST" });
}

/** A path whose owner is this replica. */
async function pathOf(door: TestDoor, name: string): Promise<string> {
  for (let key = 0; key < 1_000; key += 1) {
    if ((await call(door.port, `/${key}`)).body === name) return `/${key}`;
  }
  throw new Error(`no path belongs to ${name}`);
}

/** Asks again and again until the answer suits; fails after 15 s. */
async function askUntil(door: TestDoor, path: string, suits: (body: string, status: number) => boolean) {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const { status, body } = await call(door.port, path);
    if (suits(body, status)) return;
    assert.ok(performance.now() < deadline, `${path} still gives ${status} ${body}`);
  }
}

describe("ejection", { concurrency: true }, () => {
  for (const [status, row] of [
    [500, 20],
    [503, 5],
  ] as const) {
    it(`a replica that answers ${status} is set aside after ${row}, and comes back when it is well`, () =>
      withDoor({ ejection: { ejectionMs: 300 } }, async (door) => {
        const path = await pathOf(door, "S2");
        await setFault(door, "S2", `?status=${status}`);
        for (let sent = 0; sent < row; sent += 1) {
          assert.equal((await call(door.port, path)).status, status, `request ${sent}`);
        }
        assert.equal(phaseOf(door, "S2"), "ejected");
        assert.ok((replicaOf(door, "S2").share ?? 0) > 0.2, "it keeps its share of the ring");
        await setFault(door, "S2", "");
        await askUntil(door, path, (body) => body === "S2");
        assert.equal(phaseOf(door, "S2"), "serving");
        assert.ok(door.logged.some(({ msg }) => String(msg).startsWith("S2 is set aside for 0.3 s")));
      }));
  }

  it("while it stays ill, only trial requests meet it, and ever less often", () =>
    withDoor({ ejection: { ejectionMs: 200 } }, async (door) => {
      const path = await pathOf(door, "S2");
      await setFault(door, "S2", "?status=503");
      let bad = 0;
      const count = (_: string, status: number) => {
        if (status === 503) bad += 1;
        return (replicaOf(door, "S2").condition?.ejection?.ejections ?? 0) >= 4;
      };
      await askUntil(door, path, count);
      assert.equal(bad, 5 + 3, "five to be ejected, and one for each of three trials");
    }));

  it("one that is slow is set aside when that is asked for", () =>
    withDoor(
      { ejection: { latencyFactor: 3, latencyWindowMs: 500, latencyRequestsMin: 5, ejectionMs: 600 } },
      async (door) => {
        const paths = await Promise.all(["S1", "S2", "S3"].map((name) => pathOf(door, name)));
        await setFault(door, "S2", "?delayMs=60");
        const deadline = performance.now() + 15_000;
        while (phaseOf(door, "S2") !== "ejected") {
          assert.ok(performance.now() < deadline, "S2 was not set aside");
          await Promise.all(paths.map((path) => call(door.port, path)));
        }
        assert.match(
          replicaOf(door, "S2").condition?.ejection?.reason ?? "",
          /^its p95 was \d+ ms, the others' median \d+ ms$/,
        );
        await setFault(door, "S2", "");
        await askUntil(door, paths[1] as string, (body) => body === "S2");
      },
    ));

  it("switched off, nobody is", () =>
    withDoor({ ejection: { mode: "off" } }, async (door) => {
      const path = await pathOf(door, "S2");
      await setFault(door, "S2", "?status=503");
      for (let sent = 0; sent < 40; sent += 1) assert.equal((await call(door.port, path)).status, 503);
      assert.equal(replicaOf(door, "S2").condition?.ejection, null);
    }));

  it("others answer for who is set aside, and the metrics tell", () =>
    withDoor({ ejection: { ejectionMs: 60_000 } }, async (door) => {
      const path = await pathOf(door, "S3");
      await setFault(door, "S3", "?status=502");
      for (let sent = 0; sent < 5; sent += 1) await call(door.port, path);
      const other = await call(door.port, path);
      assert.equal(other.status, 200);
      assert.notEqual(other.body, "S3");
      const { body } = await call(door.admin?.port ?? 0, "/metrics");
      assert.match(body, /^roundhouse_replica_ejected\{replica="S3"\} 1$/m);
      assert.match(body, /^roundhouse_replica_ejected\{replica="S1"\} 0$/m);
      assert.match(body, /^roundhouse_ejections_total\{cause="answers"\} 1$/m);
    }));
});
