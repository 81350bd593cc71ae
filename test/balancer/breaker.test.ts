// How much one replica gets at a time, with replicas in processes of their own.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { type Answer, call, until } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";
import { portsOf, released, underWay } from "./held-requests.ts";

const slow = fileURLToPath(new URL("./slow-replica.mjs", import.meta.url));

async function withDoor(options: FrontDoorOptions, use: (door: TestDoor) => Promise<void>): Promise<void> {
  const door = await openDoor({ key: "path", replicas: 3, ...options }, [process.execPath, slow]);
  await door.settled;
  try {
    await use(door);
  } finally {
    await door.close(0);
  }
}

const serverOf = ({ body }: Answer) => body.split(" ")[0];
const tenTimes = (door: TestDoor) => Array.from({ length: 10 }, () => call(door.port, "/held"));

describe("the circuit breaker", { concurrency: true }, () => {
  it("a key waits for its owner; what exceeds its places and its queue gets 503 with Retry-After", () =>
    withDoor({ breaker: { inFlightMax: 2, waitingMax: 3 } }, async (door) => {
      const asked = tenTimes(door);
      let early = 0;
      for (const each of asked) each.then(() => ++early);
      await until("five are turned away, and five have a place or wait", () => early + underWay(door) === 10);
      const answers = await released(portsOf(door), asked);
      const served = answers.filter(({ status }) => status === 200);
      const turnedAway = answers.filter(({ status }) => status === 503);
      assert.deepEqual([served.length, turnedAway.length], [5, 5]);
      assert.equal(new Set(served.map(serverOf)).size, 1);
      assert.deepEqual(new Set(turnedAway.map(({ headers }) => headers["retry-after"])), new Set(["1"]));
      const { body } = await call(door.admin?.port ?? 0, "/metrics");
      assert.match(body, /^roundhouse_upstream_turned_away_total\{replica="S\d"\} 5$/m);
      assert.match(body, /^roundhouse_requests_waiting\{replica="S1"\} 0$/m);
    }));

  it("asked to spill, it goes to others while they have places", () =>
    withDoor({ breaker: { inFlightMax: 3, waitingMax: 1, whenFull: "spill" } }, async (door) => {
      const asked = tenTimes(door);
      await until("all have a place or wait", () => underWay(door) === 10);
      const answers = await released(portsOf(door), asked);
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      const shares = ["S1", "S2", "S3"].map(
        (name) => answers.filter((each) => serverOf(each) === name).length,
      );
      assert.deepEqual(shares.sort(), [3, 3, 4], "three places each, and one waits for the owner");
    }));

  it("the status shows who is full and who is waited for", () =>
    withDoor({ breaker: { inFlightMax: 1, waitingMax: 5 } }, async (door) => {
      const asked = tenTimes(door);
      const owner = () => door.status().replicas.find(({ condition }) => condition?.full);
      await until("five wait", () => owner()?.condition?.waiting === 5);
      assert.equal(owner()?.inFlight, 6);
      await released(portsOf(door), asked);
      assert.equal(owner(), undefined);
    }));
});
