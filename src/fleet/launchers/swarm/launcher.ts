// Replicas as services of a Docker swarm, on whichever of its nodes. What becomes of one service is service.ts; what the
// swarm tells, watch.ts and tasks.ts; which services there are, what an earlier front door left and who may lead the
// fleet is as with containers: docker/inventory.ts, found.ts, lock.ts, engine-launcher.ts.
import type { Launcher } from "../../launcher.ts";
import { containerSpec, label } from "../docker/container-spec.ts";
import { type Engine, within } from "../docker/engine.ts";
import {
  createInPlace,
  type EngineLauncherOptions,
  engineLauncher,
  onEngine,
} from "../docker/engine-launcher.ts";
import type { FoundContainer } from "../docker/found.ts";
import { createImageLookup, type KnownImage } from "../docker/image.ts";
import { createInventory } from "../docker/inventory.ts";
import { lockFleet } from "../docker/lock.ts";
import { runId } from "../leftovers.ts";
import { createReplicaOutput } from "../replica-output.ts";
import { removeService, serviceMarks } from "./marks.ts";
import { launchService, type SwarmYard } from "./service.ts";
import { serviceSpec } from "./service-spec.ts";
import { openSwarm } from "./swarm.ts";
import { swarmTrouble } from "./swarm-errors.ts";
import { foundService, isLeaving, runsIn, type SwarmView, taskOf } from "./tasks.ts";
import { watchSwarm } from "./watch.ts";

/**
 * Resolves when a manager of the swarm has been reached, image and network are there, and the fleet is ours alone.
 * Rejects with START_FAILED, BAD_CONFIG or FLEET_LED, in words.
 */
export function createSwarmLauncher(options: EngineLauncherOptions): Promise<Launcher> {
  const cannot = "Replicas cannot be services of a swarm";
  return onEngine((engine) => openLauncher(engine, options), cannot, swarmTrouble);
}

async function openLauncher(engine: Engine, options: EngineLauncherOptions): Promise<Launcher> {
  const { fleet, log, replicaCount, drainMs } = options;
  const { node, network } = await openSwarm(engine, options.network, log);
  const imageOf = createImageLookup(engine, options.image);
  const first = everywhere(await imageOf(), options.image);
  const marks = serviceMarks(engine, fleet, first);
  const lock = await lockFleet({ marks, fleet, log });
  const inventory = createInventory(engine, log, () => !lock.lost, removeService);
  const leaving = new Map<string, string>();
  let last: SwarmView = { services: [], tasks: [], nodes: [] };
  const watch = await watchSwarm(engine, fleet, log, {
    async seen(view, asOfMs) {
      await lock.check();
      last = view;
      inventory.compare(servicesIn(view, leaving), asOfMs);
    },
    // Of one that was not seen to run, the swarm has more to say than an exit code.
    died(service, container, how) {
      if (runsIn(service, container, last)) inventory.died(service, how);
    },
  }).catch(async (error: unknown) => {
    await lock.release();
    throw error;
  });
  const output = createReplicaOutput(log, options.logFile);
  const labels = { fleet, replicaCount, run: runId() };
  const yard: SwarmYard = {
    engine,
    node,
    network,
    inventory,
    options,
    leaving,
    output,
    lost: () => lock.lost,
    trouble: (error) => swarmTrouble(error, engine.where),
    async requestFor(spec) {
      const image = await imageOf(spec);
      const request = containerSpec({ ...options, ...spec.program }, image, spec, labels);
      const name = spec.program.image ?? options.image;
      return serviceSpec(request, { network, image: everywhere(image, name), drainMs });
    },
    create: (replica, request) =>
      createInPlace({ fleet, inventory, marks }, replica, () => within(engine.docker.createService(request))),
    taskOf: (service) => taskOf(service, last),
    wake: watch.wake,
    takenOver: (replica, id) =>
      log.info({ replica }, `${replica} runs already, as the service ${id.slice(0, 12)}: taken over`),
  };
  return engineLauncher(options, {
    ...{ inventory, lock, watch, output },
    launch: (spec, events) => launchService(yard, spec, events),
  });
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
