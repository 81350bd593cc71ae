// Replicas as containers of the Docker engine. What becomes of one container is container.ts; which there are,
// inventory.ts; what the engine tells, events.ts; what an earlier front door left, found.ts; who may lead the fleet,
// lock.ts.
import type Docker from "dockerode";
import { RoundhouseError } from "../../../errors.ts";
import type { FleetLog } from "../../fleet.ts";
import type { Launcher } from "../../launcher.ts";
import { runId } from "../leftovers.ts";
import { openLogFile } from "../log-file.ts";
import { createRecentOutput } from "../recent-output.ts";
import { launchContainer, type Yard } from "./container.ts";
import { type ContainerOptions, containerSpec, label, networkOf } from "./container-spec.ts";
import { connectEngine, type Engine, within } from "./engine.ts";
import { engineTrouble, holderOfName } from "./engine-errors.ts";
import { watchEngine } from "./events.ts";
import { fleetFrom, foundContainer } from "./found.ts";
import { createImageLookup } from "./image.ts";
import { createInventory, type Inventory } from "./inventory.ts";
import { lockFleet } from "./lock.ts";
import { containerMarks } from "./marks.ts";

export interface DockerLauncherOptions extends ContainerOptions {
  readonly log: FleetLog;
  /** Names the fleet on its engine: containers with its label are ours. */
  readonly fleet: string;
  /** How many replicas the configuration asks for. */
  readonly replicaCount: number;
  /** When the front door stops as asked: containers are stopped and removed, or kept for the next one. */
  readonly onExit: "stop" | "keep";
  /** From `docker stop` to the engine's own SIGKILL, should we be gone by then. */
  readonly drainMs: number;
  /** File to which output is appended, besides the log. */
  readonly logFile?: string | undefined;
}

/**
 * Processor time of one start, in ms. With our own image: 170 in the container until it answers, 85 in its shim and
 * runc, and the engine's own.
 */
const startCostMs = 300;

/**
 * Resolves when the engine has been reached, image and network are there, and the fleet is ours alone. Rejects with
 * START_FAILED, BAD_CONFIG or FLEET_LED, in words.
 */
export async function createDockerLauncher(options: DockerLauncherOptions): Promise<Launcher> {
  const engine = await connectEngine();
  try {
    return await openLauncher(engine, options);
  } catch (cause) {
    if (cause instanceof RoundhouseError) throw cause;
    const words = `Replicas cannot be containers: ${engineTrouble(cause, engine.where)}`;
    throw new RoundhouseError("START_FAILED", words, { cause });
  }
}

async function openLauncher(engine: Engine, options: DockerLauncherOptions): Promise<Launcher> {
  const { fleet, log, onExit } = options;
  const imageOf = createImageLookup(engine, options.image);
  const image = await imageOf();
  await checkNetwork(engine, networkOf(options));
  const lock = await lockFleet({ marks: containerMarks(engine, fleet, image.id), fleet, log });
  const inventory = createInventory(engine, log, () => !lock.lost);
  const watch = await watchEngine(engine, fleet, log, {
    died: inventory.died,
    marked: lock.heard,
    async listed(containers, asOfMs) {
      await lock.check();
      inventory.compare(containers.map(foundContainer), asOfMs);
    },
  }).catch(async (error: unknown) => {
    await lock.release();
    throw error;
  });
  const logFile = options.logFile === undefined ? undefined : openLogFile(options.logFile, log);
  const marks = { fleet, replicaCount: options.replicaCount, run: runId() };
  const recent = createRecentOutput();
  const yard: Yard = {
    engine,
    inventory,
    options,
    lost: () => lock.lost,
    requestFor: async (spec) =>
      containerSpec({ ...options, ...spec.program }, await imageOf(spec), spec, marks),
    create: (name, request) => createInPlace(engine, inventory, fleet, name, request),
    output(replica, stream, line) {
      log.info({ replica, stream }, line);
      recent.note(replica, stream, line);
      logFile?.write(replica, line);
    },
    takenOver: (replica, id) =>
      log.info({ replica }, `${replica} runs already, in the container ${id.slice(0, 12)}: taken over`),
  };
  const found = fleetFrom(inventory.left);
  return {
    fixed: false,
    runs: ["image", "command"],
    startCostMs,
    ...(found === null ? {} : { found }),
    expect: inventory.expect,
    start(spec, events) {
      recent.begun(spec.name);
      const exited = (reason: string): void => {
        recent.ended(spec.name);
        events.exited(reason);
      };
      return launchContainer(yard, spec, { ...events, exited });
    },
    outputOf: recent.of,
    ...(onExit === "keep" ? { letGo: inventory.letGo } : {}),
    reopenLog: () => logFile?.reopen(),
    async close() {
      watch.close();
      await inventory.allBuried();
      await lock.release();
      await logFile?.close();
    },
  };
}

/** One that is ours and has the name, from a call whose answer was lost, makes room. */
async function createInPlace(
  engine: Engine,
  inventory: Inventory,
  fleet: string,
  name: string,
  request: Docker.ContainerCreateOptions,
): Promise<Docker.Container> {
  const { docker } = engine;
  try {
    return await within(docker.createContainer(request));
  } catch (error) {
    const id = holderOfName(error);
    const holder = id === undefined ? undefined : await within(docker.getContainer(id).inspect());
    if (holder?.Config.Labels[label.fleet] !== fleet) throw error;
    inventory.bury(holder.Id, name);
    await inventory.vacated(name);
    return within(docker.createContainer(request));
  }
}

/** Replicas are reached by an address of their own. */
async function checkNetwork({ docker }: Engine, name: string): Promise<void> {
  const { Driver } = await within(docker.getNetwork(name).inspect());
  if (Driver !== "host" && Driver !== "null") return;
  throw new RoundhouseError(
    "BAD_CONFIG",
    `The network ${name} gives containers no address of their own: make one with "docker network create NAME" and name it with --network`,
    { source: "downstream" },
  );
}
