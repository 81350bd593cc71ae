// A front door in this process, before real replicas in processes of their own; all on free ports.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFrontDoor, type FrontDoor, type FrontDoorOptions } from "../../src/balancer/front-door.ts";
import { createProcessLauncher } from "../../src/fleet/launchers/process.ts";
import { createLog } from "../../src/telemetry/log.ts";

const replica = fileURLToPath(new URL("./replica.mjs", import.meta.url));

export interface TestDoor extends FrontDoor {
  /** What was logged, a JSON object per line. */
  readonly logged: readonly Record<string, unknown>[];
}

/**
 * @param command the replica to run; default: the built-in one, as it was built
 * @param readConfig what a reload reads
 */
export async function openDoor(
  options: FrontDoorOptions = {},
  command: readonly [string, ...string[]] = builtIn(),
  readConfig: () => Promise<FrontDoorOptions> = async () => ({ port: 0, admin: { port: 0 }, ...options }),
): Promise<TestDoor> {
  const logged: Record<string, unknown>[] = [];
  const log = createLog({
    destination: { write: (line) => logged.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const launcher = createProcessLauncher({ command, log });
  const config = { port: 0, admin: { port: 0 }, ...options };
  const door = await createFrontDoor(config, { launcher, log, readConfig });
  return Object.assign(door, { logged });
}

function builtIn(): [string, string] {
  if (!existsSync(new URL("../../dist/replica/server.js", import.meta.url))) {
    throw new Error("These tests run the replica as it was built: npm run build");
  }
  return [process.execPath, replica];
}
