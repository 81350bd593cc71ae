// What a swarm tells of services, their tasks and its nodes, and what that means for a replica. Pure. A service of ours
// has one task; should a swarm make a second one nevertheless, the first one's end is the replica's.
import { label } from "../docker/container-spec.ts";
import { type FoundContainer, howEnded } from "../docker/found.ts";
import { taskTrouble } from "./swarm-errors.ts";

/** Of `GET /services`. */
export interface SwarmService {
  readonly ID: string;
  readonly CreatedAt: string;
  readonly Spec: { readonly Name: string; readonly Labels: Readonly<Record<string, string>> };
}

/** Of `GET /tasks`. */
export interface SwarmTask {
  readonly ID: string;
  readonly ServiceID: string;
  readonly NodeID?: string;
  readonly CreatedAt: string;
  readonly DesiredState: string;
  readonly Status: {
    readonly State: string;
    readonly Message?: string;
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ContainerID?: string; readonly ExitCode?: number };
  };
  readonly NetworksAttachments?: readonly {
    readonly Network: { readonly ID: string };
    readonly Addresses?: readonly string[];
  }[];
}

/** Of `GET /nodes`. */
export interface SwarmNode {
  readonly ID: string;
  readonly Description: { readonly Hostname: string };
  readonly Spec: { readonly Availability: string };
  readonly Status: { readonly State: string };
}

export interface SwarmView {
  readonly services: readonly SwarmService[];
  /** Those of services that are removed too, until they have ended. */
  readonly tasks: readonly SwarmTask[];
  readonly nodes: readonly SwarmNode[];
}

/** A replica's service as the inventory has it. */
export function foundService(
  { ID, Spec: { Labels }, CreatedAt }: SwarmService,
  view: SwarmView,
): FoundContainer {
  const task = taskOf(ID, view);
  const end = task === undefined ? "" : endOf(task, nodeOf(task, view));
  return {
    id: ID,
    name: Labels[label.replica] ?? "",
    seat: wholeNumber(Labels[label.seat]),
    state: end !== "" ? "ended" : task?.Status.State === "running" ? "running" : "made",
    end,
    spec: Labels[label.spec] ?? "",
    replicasConfigured: wholeNumber(Labels[label.replicas]),
    createdS: Date.parse(CreatedAt) / 1_000,
  };
}

/** The service's first task. */
export function taskOf(service: string, { tasks }: SwarmView): SwarmTask | undefined {
  return tasks
    .filter(({ ServiceID }) => ServiceID === service)
    .sort((a, b) => Date.parse(a.CreatedAt) - Date.parse(b.CreatedAt))[0];
}

/** The service's task runs in this very container, as far as is known. */
export function runsIn(service: string, container: string, view: SwarmView): boolean {
  const { Status } = taskOf(service, view) ?? {};
  return Status?.State === "running" && Status.ContainerStatus?.ContainerID === container;
}

/** It may still be running: of a service that has been removed, this is what is left of it. */
export function isLeaving(service: string, view: SwarmView): boolean {
  const task = taskOf(service, view);
  return task !== undefined && !ended.has(task.Status.State) && !isDown(nodeOf(task, view));
}

/** `10.0.1.3` in that network. */
export function addressOf(task: SwarmTask, network: string): string | undefined {
  const attachment = task.NetworksAttachments?.find(({ Network }) => Network.ID === network);
  return attachment?.Addresses?.[0]?.split("/")[0];
}

/** https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/ */
const ended: ReadonlySet<string> = new Set([
  "complete",
  "failed",
  "shutdown",
  "rejected",
  "orphaned",
  "remove",
]);

/** In words; empty: it has not ended. */
function endOf({ Status, DesiredState }: SwarmTask, node: SwarmNode | undefined): string {
  const { State, Err = "", Message = "", ContainerStatus } = Status;
  const where = node?.Description.Hostname ?? "unknown";
  if (isDown(node)) return `is lost: its node ${where} is down`;
  if (node?.Spec.Availability === "drain") return `has to go: its node ${where} was drained`;
  if (/no suitable node/i.test(Err + Message)) return `could not be placed: ${Err || Message}`;
  if (State === "failed" || State === "complete") return exit(Err, ContainerStatus?.ExitCode, where);
  if (State === "rejected") return `could not be started: ${taskTrouble(Err || Message, where)}`;
  if (State === "orphaned") return `is lost: its node ${where} has not been heard of`;
  if (ended.has(State) || ended.has(DesiredState)) return `was shut down by the swarm on ${where}`;
  return "";
}

function exit(error: string, exitCode: number | undefined, where: string): string {
  if (error !== "" && !/non-zero exit/i.test(error)) {
    return `could not be started: ${taskTrouble(error, where)}`;
  }
  return howEnded(exitCode ?? 0);
}

function isDown(node: SwarmNode | undefined): boolean {
  return node?.Status.State === "down";
}

function nodeOf({ NodeID }: SwarmTask, { nodes }: SwarmView): SwarmNode | undefined {
  return nodes.find(({ ID }) => ID === NodeID);
}

function wholeNumber(text: string | undefined): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : 0;
}
