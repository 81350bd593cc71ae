// Replicas as containers of the Docker engine. What becomes of one container is container.ts; which there are,
// inventory.ts; what the engine tells, events.ts; what an earlier front door left, found.ts; who may lead the fleet,
// lock.ts; what this launcher shares with the swarm's, engine-launcher.ts.
import { RoundhouseError } from "../../../errors.ts";
import type { Launcher } from "../../launcher.ts";
import { runId } from "../leftovers.ts";
import { createReplicaOutput } from "../replica-output.ts";
import { launchContainer, type Yard } from "./container.ts";
import { containerSpec, networkOf } from "./container-spec.ts";
import { type Engine, within } from "./engine.ts";
import { engineTrouble } from "./engine-errors.ts";
import { createInPlace, type EngineLauncherOptions, engineLauncher, onEngine } from "./engine-launcher.ts";
import { watchEngine } from "./events.ts";
import { foundContainer } from "./found.ts";
import { createImageLookup } from "./image.ts";
import { createInventory } from "./inventory.ts";
import { lockFleet } from "./lock.ts";
import { containerMarks } from "./marks.ts";

/**
 * Resolves when the engine has been reached, image and network are there, and the fleet is ours alone. Rejects with
 * START_FAILED, BAD_CONFIG or FLEET_LED, in words.
 */
export function createDockerLauncher(options: EngineLauncherOptions): Promise<Launcher> {
  return onEngine((engine) => openLauncher(engine, options), "Replicas cannot be containers", engineTrouble);
}

async function openLauncher(engine: Engine, options: EngineLauncherOptions): Promise<Launcher> {
  const { fleet, log, replicaCount } = options;
  const imageOf = createImageLookup(engine, options.image);
  const image = await imageOf();
  await checkNetwork(engine, networkOf(options));
  const marks = containerMarks(engine, fleet, image.id);
  const lock = await lockFleet({ marks, fleet, log });
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
  const output = createReplicaOutput(log, options.logFile);
  const labels = { fleet, replicaCount, run: runId() };
  const yard: Yard = {
    engine,
    inventory,
    options,
    output,
    lost: () => lock.lost,
    trouble: (error) => engineTrouble(error, engine.where),
    requestFor: async (spec) =>
      containerSpec({ ...options, ...spec.program }, await imageOf(spec), spec, labels),
    create: (name, request) =>
      createInPlace({ fleet, inventory, marks }, name, () => within(engine.docker.createContainer(request))),
    takenOver: (replica, id) =>
      log.info({ replica }, `${replica} runs already, in the container ${id.slice(0, 12)}: taken over`),
  };
  return engineLauncher(options, {
    ...{ inventory, lock, watch, output },
    launch: (spec, events) => launchContainer(yard, spec, events),
  });
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
