// Fleets of real processes for the tests beside it, ended after each test.
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "node:test";
import { createFleet } from "../../src/fleet/create-fleet.ts";
import type { Fleet, FleetChange, FleetOptions } from "../../src/fleet/fleet.ts";
import { createProcessLauncher, type ProcessLauncherOptions } from "../../src/fleet/launchers/process.ts";
import { serverScript, until } from "./processes.ts";

const fleets: Fleet[] = [];
const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.stop(0)));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** It is stopped after the test. */
export function ended(fleet: Fleet): Fleet {
  fleets.push(fleet);
  return fleet;
}

/** A server of this process on loopback, closed after the test; gives its port. */
export async function listening(answer: RequestListener, port = 0): Promise<number> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

export interface Told {
  readonly lines: string[];
  readonly output: { replica: string; line: string }[];
}

export interface TestedFleet {
  readonly fleet: Fleet;
  readonly changes: FleetChange[];
  readonly told: Told;
}

/** A fleet of `command` that has not been started, and what comes of it. */
export function startable(
  command: readonly string[],
  options: Partial<FleetOptions> = {},
  launcherOptions: Partial<ProcessLauncherOptions> = {},
): TestedFleet {
  const told: Told = { lines: [], output: [] };
  const tell = (fields: object, message: string): void => {
    if ("stream" in fields) {
      told.output.push({ replica: String((fields as { replica?: string }).replica), line: message });
    } else told.lines.push(message);
  };
  const log = { info: tell, warn: tell, error: tell };
  const [program = process.execPath, ...words] = command;
  const launcher = createProcessLauncher({ command: [program, ...words], log, ...launcherOptions });
  const fleet = ended(createFleet({ launcher, log, ...options }));
  const changes: FleetChange[] = [];
  fleet.onChange((change) => void changes.push(change));
  return { fleet, changes, told };
}

/** The test server; `words` tell it what to do. */
export const node = (...words: string[]): string[] => [process.execPath, serverScript, ...words];

export const namesOf = (fleet: Fleet): string[] => fleet.serving().map(({ name }) => name);

export async function ask(fleet: Fleet, name: string, path = "/"): Promise<Record<string, unknown>> {
  const address = fleet.replicas().find((replica) => replica.name === name)?.address;
  const answer = await fetch(`http://${address?.host}:${address?.port}${path}`);
  return (await answer.json()) as Record<string, unknown>;
}

export const servingWithout = (fleet: Fleet, count: number, name: string): Promise<unknown> =>
  until(`${count} serve without ${name}`, () => {
    const names = namesOf(fleet);
    return names.length === count && !names.includes(name);
  });
