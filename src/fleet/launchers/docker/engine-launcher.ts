// What the launchers of containers and of services have in common: their options, and what a launcher is once the fleet
// on its engine is ours. How they look at the engine, and what they make there, differs: launcher.ts, swarm/launcher.ts.
import { RoundhouseError } from "../../../errors.ts";
import type { FleetLog } from "../../fleet.ts";
import type { LaunchEvents, Launcher, LaunchHandle, LaunchSpec } from "../../launcher.ts";
import type { ReplicaOutput } from "../replica-output.ts";
import { type ContainerOptions, label } from "./container-spec.ts";
import { connectEngine, type Engine } from "./engine.ts";
import { fleetFrom } from "./found.ts";
import type { Inventory } from "./inventory.ts";
import type { FleetLock, Marks } from "./lock.ts";

export interface EngineLauncherOptions extends ContainerOptions {
  readonly log: FleetLog;
  /** Names the fleet on its engine, or in its swarm: what bears its label is ours. */
  readonly fleet: string;
  /** How many replicas the configuration asks for. */
  readonly replicaCount: number;
  /** When the front door stops as asked: replicas are stopped and removed, or kept for the next one. */
  readonly onExit: "stop" | "keep";
  /** From SIGTERM to SIGKILL when a replica is stopped, should we be gone by then. */
  readonly drainMs: number;
  /** File to which output is appended, besides the log. */
  readonly logFile?: string | undefined;
}

/**
 * Processor time of one start, in ms. With our own image: 170 in the container until it answers, 85 in its shim and
 * runc, and the engine's own; a swarm's comes on top.
 */
const startCostMs = 300;

/**
 * Opens a launcher on the engine that the environment names. Rejects with a RoundhouseError: what `open` rejects with
 * otherwise is put into words, after `cannot` (`Replicas cannot be containers`).
 */
export async function onEngine(
  open: (engine: Engine) => Promise<Launcher>,
  cannot: string,
  trouble: (error: unknown, where: string) => string,
): Promise<Launcher> {
  const engine = await connectEngine();
  try {
    return await open(engine);
  } catch (cause) {
    if (cause instanceof RoundhouseError) throw cause;
    throw new RoundhouseError("START_FAILED", `${cannot}: ${trouble(cause, engine.where)}`, { cause });
  }
}

/** A fleet on an engine, which is ours. */
export interface OpenFleet {
  readonly inventory: Inventory;
  readonly lock: FleetLock;
  readonly watch: { close(): Promise<void> };
  readonly output: ReplicaOutput;
  launch(spec: LaunchSpec, events: LaunchEvents): LaunchHandle;
}

export function engineLauncher(
  { onExit }: EngineLauncherOptions,
  { inventory, lock, watch, output, launch }: OpenFleet,
): Launcher {
  const found = fleetFrom(inventory.left);
  return {
    fixed: false,
    runs: ["image", "command"],
    startCostMs,
    ...(found === null ? {} : { found }),
    expect: inventory.expect,
    start: (spec, events) => launch(spec, output.followed(spec.name, events)),
    outputOf: output.of,
    ...(onExit === "keep" ? { letGo: inventory.letGo } : {}),
    reopenLog: output.reopen,
    async close() {
      await watch.close();
      await inventory.allBuried();
      await lock.release();
      await output.close();
    },
  };
}

/** The fleet, and who can tell whether what has a name is its own. */
interface Place {
  readonly fleet: string;
  readonly inventory: Inventory;
  readonly marks: Marks;
}

/** Makes one for a replica; one of ours that has the name, from a call whose answer was lost, makes room. */
export async function createInPlace<T>(
  { fleet, inventory, marks }: Place,
  replica: string,
  create: () => Promise<T>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    const name = marks.holderOf(error);
    const holder = name === undefined ? undefined : await marks.find(name);
    if (holder?.labels[label.fleet] !== fleet) throw error;
    inventory.bury(holder.id, replica);
    await inventory.vacated(replica);
    return create();
  }
}
