// A front door with autoscale, for tests: quick cooldowns, and replicas that answer as slowly as they are asked to.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { AutoscaleReport } from "../../src/balancer/autoscaler.ts";
import type { FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { call } from "./client.ts";
import { openDoor, type TestDoor } from "./door.ts";

export const slow: [string, string] = [
  process.execPath,
  fileURLToPath(new URL("./slow-replica.mjs", import.meta.url)),
];
/** As fast as its figures can be told apart: the defaults are for people, who have more time than a test. */
export const autoscale = {
  min: 1,
  max: 4,
  targets: { inFlight: 4 },
  intervalMs: 100,
  averageMs: 500,
  upCooldownMs: 500,
  downCooldownMs: 300,
  stabilizationMs: 1_500,
};

export async function withDoor(
  options: FrontDoorOptions,
  use: (door: TestDoor) => Promise<void>,
  command: [string, ...string[]] = slow,
): Promise<void> {
  const door = await openDoor(options, command);
  try {
    await door.settled;
    await use(door);
  } finally {
    await door.close(0);
  }
}

export const count = (door: TestDoor) => door.fleet.serving().length;

export async function reportOf(door: TestDoor): Promise<AutoscaleReport> {
  const { status, body } = await call(door.admin?.port ?? 0, "/api/v1/autoscale");
  assert.equal(status, 200, body);
  return JSON.parse(body) as AutoscaleReport;
}
