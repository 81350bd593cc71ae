// Requests that are under way for as long as a test needs them to be: see holding.mjs.
import { setTimeout as pause } from "node:timers/promises";
import { call } from "./client.ts";
import type { TestDoor } from "./door.ts";

/** Where the replicas themselves listen. */
export const portsOf = (door: TestDoor): number[] =>
  door.status().replicas.map(({ address }) => Number(address?.split(":")[1]));

/** Requests that are with a replica or wait for a place with one. */
export const underWay = (door: TestDoor): number =>
  door.status().replicas.reduce((sum, { inFlight }) => sum + inFlight, 0);

/** Lets the replicas answer what they hold, and what comes to them later, until all these answers have come. */
export async function released<Answer>(
  ports: readonly number[],
  answers: readonly Promise<Answer>[],
): Promise<Answer[]> {
  let left = answers.length;
  for (const each of answers) each.finally(() => --left).catch(() => {});
  while (left > 0) {
    await Promise.all(ports.map((port) => call(port, "/release", { method: "POST" })));
    await pause(5);
  }
  return Promise.all(answers);
}
