// Everything fails at once, with real servers: retries must not multiply the load on what is ill already.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { call } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

const faulty = fileURLToPath(new URL("./faulty-replica.mjs", import.meta.url));
const clients = 50;
const requests = 2_000;

const ports = (door: TestDoor) => door.status().replicas.map(({ address }) => Number(address?.split(":")[1]));

async function askAll(door: TestDoor): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let left = requests;
  const client = async () => {
    while (left-- > 0) {
      const { status } = await call(door.port, `/${left}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return statuses;
}

async function sum(door: TestDoor, path: string): Promise<number> {
  const answers = await Promise.all(ports(door).map((port) => call(port, path, { method: "POST" })));
  return answers.reduce((total, { body }) => total + (Number(body) || 0), 0);
}

describe("a retry storm", () => {
  it("stays within its budget: at most 1.2 times the requests reach the replicas", async () => {
    const retries = { attempts: 3, budgetPercent: 20, minRetries: 0 };
    const door = await openDoor({ replicas: 3, retries, ejection: { mode: "off" } }, [
      process.execPath,
      faulty,
    ]);
    await door.settled;
    try {
      await sum(door, "/fault?status=503&delayMs=5");
      assert.deepEqual([...(await askAll(door))], [[503, requests]]);
      const reached = await sum(door, "/asked");
      const { body } = await call(door.admin?.port ?? 0, "/metrics");
      const made = Number(/^roundhouse_retries_total (\d+)$/m.exec(body)?.[1]);
      assert.equal(reached, requests + made, "every retry is counted");
      assert.ok(made > requests / 20, `${made} retries were made`);
      assert.ok(reached <= requests * 1.2, `${reached} requests reached the replicas for ${requests}`);
      assert.match(body, /^roundhouse_retries_refused_total\{reason="budget"\} [1-9]\d*$/m);
    } finally {
      await door.close(0);
    }
  });

  it("while one of three fails, every request succeeds when the budget has room for it", async () => {
    const retries = { attempts: 1, minRetries: clients };
    const door = await openDoor({ replicas: 3, retries, ejection: { mode: "off" } }, [
      process.execPath,
      faulty,
    ]);
    await door.settled;
    try {
      await call(ports(door)[1] ?? 0, "/fault?status=503", { method: "POST" });
      assert.deepEqual([...(await askAll(door))], [[200, requests]]);
    } finally {
      await door.close(0);
    }
  });
});
