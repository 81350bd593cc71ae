// One replica as a service with one task: made, or taken over where it runs already; removed, by which its task is asked
// to end; followed until nothing of it runs.
import type Docker from "dockerode";
import type { LaunchEvents, LaunchHandle, LaunchSpec } from "../../launcher.ts";
import { type ContainerOutput, followOutput } from "../docker/container-output.ts";
import { type ContainerOptions, portOf } from "../docker/container-spec.ts";
import { type ContainerUsage, createContainerUsage } from "../docker/container-usage.ts";
import type { Engine } from "../docker/engine.ts";
import { type EngineYard, launchOnEngine } from "../docker/engine-launch.ts";
import { removeService } from "./marks.ts";
import { addressOf, type SwarmTask } from "./tasks.ts";

/** What all services of a fleet share. */
export interface SwarmYard extends EngineYard<Docker.CreateServiceOptions> {
  readonly engine: Engine;
  /** Id of the node that the engine is. */
  readonly node: string;
  /** Id of the overlay network. */
  readonly network: string;
  readonly options: ContainerOptions;
  /** Services that we have removed and whose tasks may still run, and the replicas' names. */
  readonly leaving: Map<string, string>;
  create(replica: string, request: Docker.CreateServiceOptions): Promise<Docker.Service>;
  /** As it was when last looked at. */
  taskOf(service: string): SwarmTask | undefined;
  /** Something is under way. */
  wake(): void;
}

export function launchService(yard: SwarmYard, spec: LaunchSpec, events: LaunchEvents): LaunchHandle {
  const { engine, leaving } = yard;
  return launchOnEngine(yard, { spec, events }, (launch) => {
    let launched = false;
    let service: Docker.Service | undefined;
    let output: ContainerOutput | undefined;
    /** Of a task on this node alone; others' engines cannot be asked. */
    let container: Docker.Container | undefined;
    let usage: ContainerUsage | undefined;

    function enlist(which: Docker.Service, sinceS: number): void {
      service = which;
      launch.enlist(which.id);
      output = followOutput(which, sinceS, (stream, line) => yard.output.write(spec.name, stream, line));
      yard.wake();
    }

    function seen(): void {
      const task = service && yard.taskOf(service.id);
      if (task !== undefined && task.Status.State === "running" && !launched) isRunning(task);
      launch.remind();
    }

    function isRunning(task: SwarmTask): void {
      launched = true;
      const { ContainerID } = task.Status.ContainerStatus ?? {};
      if (ContainerID !== undefined && task.NodeID === yard.node) {
        container = engine.docker.getContainer(ContainerID);
        usage = createContainerUsage(container);
      }
      const host = addressOf(task, yard.network);
      if (host === undefined) launch.ended("has no address in its network");
      else events.launched({ host, port: portOf(yard.options) }, null);
    }

    return {
      async make(request) {
        enlist(await yard.create(spec.name, request), 0);
        seen();
      },
      takeOver: (id) => enlist(engine.docker.getService(id), Math.floor(Date.now() / 1_000)),
      carryOut(asked) {
        if (service === undefined) return;
        const { id } = service;
        if (asked === "kill") container?.kill().catch(() => {});
        if (leaving.has(id)) return;
        leaving.set(id, spec.name);
        removeService(engine, id).then(yard.wake, () => leaving.delete(id));
      },
      seen,
      lastWords: (reason) =>
        launch.asked !== "nothing" && reason === "was removed" ? "was stopped" : reason,
      close() {
        if (service !== undefined) leaving.delete(service.id);
        return output;
      },
      usage: () => usage,
    };
  });
}
