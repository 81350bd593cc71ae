// One replica as a service with one task: made, or taken over where it runs already; removed, by which its task is asked
// to end; followed until nothing of it runs.
import type Docker from "dockerode";
import type { LaunchEvents, LaunchHandle, LaunchSpec } from "../../launcher.ts";
import { type ContainerOutput, followOutput } from "../docker/container-output.ts";
import { type ContainerOptions, label, portOf } from "../docker/container-spec.ts";
import { type ContainerUsage, createContainerUsage } from "../docker/container-usage.ts";
import type { Engine } from "../docker/engine.ts";
import type { Inventory } from "../docker/inventory.ts";
import { removeService } from "./marks.ts";
import { swarmTrouble } from "./swarm-errors.ts";
import { addressOf, type SwarmTask } from "./tasks.ts";

/** What all services of a fleet share. */
export interface SwarmYard {
  readonly engine: Engine;
  /** Id of the node that the engine is. */
  readonly node: string;
  /** Id of the overlay network. */
  readonly network: string;
  readonly inventory: Inventory;
  readonly options: ContainerOptions;
  /** Services that we have removed and whose tasks may still run, and the replicas' names. */
  readonly leaving: Map<string, string>;
  /** Another front door leads the fleet. */
  readonly lost: () => boolean;
  requestFor(spec: LaunchSpec): Promise<Docker.CreateServiceOptions>;
  create(replica: string, request: Docker.CreateServiceOptions): Promise<Docker.Service>;
  /** As it was when last looked at. */
  taskOf(service: string): SwarmTask | undefined;
  /** Something is under way. */
  wake(): void;
  output(replica: string, stream: "stdout" | "stderr", line: string): void;
  takenOver(replica: string, id: string): void;
}

export function launchService(yard: SwarmYard, spec: LaunchSpec, events: LaunchEvents): LaunchHandle {
  const { engine, inventory, leaving } = yard;
  let asked: "nothing" | "stop" | "kill" = "nothing";
  let over = false;
  let launched = false;
  let service: Docker.Service | undefined;
  let output: ContainerOutput | undefined;
  /** Of a task on this node alone; others' engines cannot be asked. */
  let container: Docker.Container | undefined;
  let usage: ContainerUsage | undefined;

  async function begin(): Promise<void> {
    if (yard.lost()) return ended("could not be started: another front door leads the fleet");
    const request = await yard.requestFor(spec);
    const found = inventory.claim(spec.name, request.Labels?.[label.spec] ?? "");
    if (found === undefined) return startNew(request);
    enlist(engine.docker.getService(found.id), Math.floor(Date.now() / 1_000));
    yard.takenOver(spec.name, found.id);
  }

  async function startNew(request: Docker.CreateServiceOptions): Promise<void> {
    await inventory.vacated(spec.name);
    if (asked !== "nothing") return ended("was stopped before it was started");
    enlist(await yard.create(spec.name, request), 0);
    remind();
  }

  function enlist(which: Docker.Service, sinceS: number): void {
    service = which;
    inventory.enlist(which.id, { name: spec.name, sinceMs: performance.now(), ended, remind, letGo });
    output = followOutput(which, sinceS, (stream, line) => yard.output(spec.name, stream, line));
    yard.wake();
  }

  /** It has been looked at, and runs. */
  function remind(): void {
    const task = service && yard.taskOf(service.id);
    if (task !== undefined && task.Status.State === "running" && !launched) isRunning(task);
    if (asked !== "nothing") carryOut();
  }

  function isRunning(task: SwarmTask): void {
    launched = true;
    const { ContainerID } = task.Status.ContainerStatus ?? {};
    if (ContainerID !== undefined && task.NodeID === yard.node) {
      container = engine.docker.getContainer(ContainerID);
      usage = createContainerUsage(container);
    }
    const host = addressOf(task, yard.network);
    if (host === undefined) ended("has no address in its network");
    else events.launched({ host, port: portOf(yard.options) }, null);
  }

  function ended(reason: string): void {
    if (over) return;
    over = true;
    inventory.over(spec.name);
    if (service !== undefined) {
      leaving.delete(service.id);
      inventory.bury(service.id, spec.name, output);
    }
    events.exited(asked !== "nothing" && reason === "was removed" ? "was stopped" : reason);
  }

  function letGo(reason: string): void {
    if (over) return;
    over = true;
    inventory.over(spec.name);
    output?.close();
    setImmediate(events.exited, reason);
  }

  /** What fails now is tried again when the swarm is next looked at. */
  function carryOut(): void {
    if (yard.lost()) letGo("is another front door's");
    if (over || service === undefined) return;
    const { id } = service;
    if (asked === "kill") container?.kill().catch(() => {});
    if (leaving.has(id)) return;
    leaving.set(id, spec.name);
    removeService(engine, id).then(yard.wake, () => leaving.delete(id));
  }

  inventory.begun(spec.name);
  const fail = (error: unknown): void => ended(`could not be started: ${swarmTrouble(error, engine.where)}`);
  setImmediate(() => void begin().catch(fail));
  return {
    stop() {
      asked = "stop";
      carryOut();
    },
    kill() {
      asked = "kill";
      carryOut();
    },
    // Nobody else can have its address.
    confirm: () => Promise.resolve(true),
    rssBytes: async () => (await usage?.read())?.rssBytes ?? null,
    cpuSeconds: async () => (await usage?.read())?.cpuSeconds ?? null,
  };
}
