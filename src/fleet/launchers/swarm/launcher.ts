// Replicas as services of a Docker swarm, on whichever of its nodes. What becomes of one service is service.ts; what the
// swarm tells, watch.ts and tasks.ts; which services there are, what an earlier front door left and who may lead the
// fleet is as with containers: docker/inventory.ts, found.ts, lock.ts.
import type Docker from "dockerode";
import { RoundhouseError } from "../../../errors.ts";
import type { FleetLog } from "../../fleet.ts";
import type { Launcher } from "../../launcher.ts";
import { type ContainerOptions, containerSpec, label } from "../docker/container-spec.ts";
import { connectEngine, type Engine, within } from "../docker/engine.ts";
import { type FoundContainer, fleetFrom } from "../docker/found.ts";
import { createImageLookup, type KnownImage } from "../docker/image.ts";
import { createInventory, type Inventory } from "../docker/inventory.ts";
import { lockFleet } from "../docker/lock.ts";
import { runId } from "../leftovers.ts";
import { openLogFile } from "../log-file.ts";
import { createRecentOutput } from "../recent-output.ts";
import { removeService, serviceMarks } from "./marks.ts";
import { launchService, type SwarmYard } from "./service.ts";
import { serviceSpec } from "./service-spec.ts";
import { openSwarm } from "./swarm.ts";
import { serviceOfName, swarmTrouble } from "./swarm-errors.ts";
import { foundService, isLeaving, type SwarmView, taskOf } from "./tasks.ts";
import { watchSwarm } from "./watch.ts";

export interface SwarmLauncherOptions extends ContainerOptions {
  readonly log: FleetLog;
  /** Names the fleet in its swarm: services with its label are ours. */
  readonly fleet: string;
  /** How many replicas the configuration asks for. */
  readonly replicaCount: number;
  /** When the front door stops as asked: services are removed, or kept for the next one. */
  readonly onExit: "stop" | "keep";
  /** From SIGTERM to SIGKILL when a service is removed. */
  readonly drainMs: number;
  /** File to which output is appended, besides the log. */
  readonly logFile?: string | undefined;
}

/** Processor time of one start, in ms: a container's, as of the docker launcher; the swarm's own comes on top. */
const startCostMs = 300;

/**
 * Resolves when a manager of the swarm has been reached, image and network are there, and the fleet is ours alone.
 * Rejects with START_FAILED, BAD_CONFIG or FLEET_LED, in words.
 */
export async function createSwarmLauncher(options: SwarmLauncherOptions): Promise<Launcher> {
  const engine = await connectEngine();
  try {
    return await openLauncher(engine, options);
  } catch (cause) {
    if (cause instanceof RoundhouseError) throw cause;
    const words = `Replicas cannot be services of a swarm: ${swarmTrouble(cause, engine.where)}`;
    throw new RoundhouseError("START_FAILED", words, { cause });
  }
}

async function openLauncher(engine: Engine, options: SwarmLauncherOptions): Promise<Launcher> {
  const { fleet, log, onExit, drainMs } = options;
  const { node, network } = await openSwarm(engine, options.network, log);
  const imageOf = createImageLookup(engine, options.image);
  const first = everywhere(await imageOf(), options.image);
  const lock = await lockFleet({ marks: serviceMarks(engine, fleet, first), fleet, log });
  const inventory = createInventory(engine, log, () => !lock.lost, removeService);
  const leaving = new Map<string, string>();
  let last: SwarmView = { services: [], tasks: [], nodes: [] };
  const watch = await watchSwarm(engine, fleet, log, async (view, asOfMs) => {
    await lock.check();
    last = view;
    inventory.compare(servicesIn(view, leaving), asOfMs);
  }).catch(async (error: unknown) => {
    await lock.release();
    throw error;
  });
  const logFile = options.logFile === undefined ? undefined : openLogFile(options.logFile, log);
  const marks = { fleet, replicaCount: options.replicaCount, run: runId() };
  const recent = createRecentOutput();
  const yard: SwarmYard = {
    engine,
    node,
    network,
    inventory,
    options,
    leaving,
    lost: () => lock.lost,
    async requestFor(spec) {
      const image = await imageOf(spec);
      const request = containerSpec({ ...options, ...spec.program }, image, spec, marks);
      const name = spec.program.image ?? options.image;
      return serviceSpec(request, { network, image: everywhere(image, name), drainMs });
    },
    create: (replica, request) => createInPlace(engine, inventory, fleet, replica, request),
    taskOf: (service) => taskOf(service, last),
    wake: watch.wake,
    output(replica, stream, line) {
      log.info({ replica, stream }, line);
      recent.note(replica, stream, line);
      logFile?.write(replica, line);
    },
    takenOver: (replica, id) =>
      log.info({ replica }, `${replica} runs already, as the service ${id.slice(0, 12)}: taken over`),
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
      return launchService(yard, spec, { ...events, exited });
    },
    outputOf: recent.of,
    ...(onExit === "keep" ? { letGo: inventory.letGo } : {}),
    reopenLog: () => logFile?.reopen(),
    async close() {
      await watch.close();
      await inventory.allBuried();
      await lock.release();
      await logFile?.close();
    },
  };
}

/** The replicas' services, and those of ours that have been removed while their tasks still end. */
function servicesIn(view: SwarmView, leaving: ReadonlyMap<string, string>): FoundContainer[] {
  const there = view.services
    .filter(({ ID, Spec }) => Spec.Labels[label.role] === "replica" && !leaving.has(ID))
    .map((service) => foundService(service, view));
  const ending = [...leaving].filter(
    ([id]) => isLeaving(id, view) || view.services.some(({ ID }) => ID === id),
  );
  return [...there, ...ending.map(([id, name]) => leavingService(id, name))];
}

function leavingService(id: string, name: string): FoundContainer {
  return { id, name, seat: 0, state: "running", end: "", spec: "", replicasConfigured: 0, createdS: 0 };
}

/**
 * What the nodes know the image by. One that a registry has is named with its digest, so that every node can fetch that
 * very one; one that was built here has an id alone, and runs where it was built or loaded.
 */
function everywhere({ id, digests }: KnownImage, name: string): string {
  const repository = name.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
  return digests.find((digest) => digest.startsWith(`${repository}@`)) ?? id;
}

/** One that is ours and has the name, from a call whose answer was lost, makes room. */
async function createInPlace(
  engine: Engine,
  inventory: Inventory,
  fleet: string,
  replica: string,
  request: Docker.CreateServiceOptions,
): Promise<Docker.Service> {
  const { docker } = engine;
  try {
    return await within(docker.createService(request));
  } catch (error) {
    const name = serviceOfName(error);
    const holder = name === undefined ? undefined : await within(docker.getService(name).inspect());
    if (holder?.Spec.Labels[label.fleet] !== fleet) throw error;
    inventory.bury(holder.ID, replica);
    await inventory.vacated(replica);
    return within(docker.createService(request));
  }
}
