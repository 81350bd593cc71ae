// The swarm that the engine belongs to, and the network that its replicas are reached in: is it one that can be used, and
// from here?
import { BlockList } from "node:net";
import { networkInterfaces } from "node:os";
import type Docker from "dockerode";
import { RoundhouseError } from "../../../errors.ts";
import type { FleetLog } from "../../fleet.ts";
import { type Engine, within } from "../docker/engine.ts";

export interface Swarm {
  /** Id of the node that the engine is. */
  readonly node: string;
  /** Id of the overlay network. */
  readonly network: string;
}

/** Rejects with START_FAILED, BAD_CONFIG, or the engine's own error. */
export async function openSwarm(engine: Engine, name: string | undefined, log: FleetLog): Promise<Swarm> {
  const node = await managerNode(engine);
  if (name === undefined)
    throw wrong(`--launcher swarm needs to know the network of its replicas: ${howMade("NAME")}`);
  const network = await within(engine.docker.getNetwork(name).inspect());
  if (network.Driver !== "overlay")
    throw wrong(
      `The network ${name} is a ${network.Driver} network, which ends at one machine: ${howMade("NAME")}`,
    );
  if (!network.Attachable)
    throw wrong(
      `The network ${name} is not attachable, so that no front door can be in it: ${howMade("NAME")}`,
    );
  if (!isIn(network))
    log.warn(
      { event: "engine" },
      `No address of this front door is in the network ${name}, and a machine itself does not reach the containers there: replicas will not become healthy unless the front door runs in a container of that network`,
    );
  return { node, network: network.Id };
}

async function managerNode({ docker, where }: Engine): Promise<string> {
  const { Swarm = {} } = (await within(docker.info())) as { Swarm?: SwarmInfo };
  const { NodeID = "", LocalNodeState: state = "inactive", ControlAvailable = false } = Swarm;
  if (ControlAvailable) return NodeID;
  if (state === "locked") throw failed(`the swarm is locked: run "docker swarm unlock" on ${where}`);
  if (state === "active")
    throw failed(
      `the Docker engine at ${where} is a worker of its swarm, and only managers can be asked: run the front door on a manager, set DOCKER_HOST to one, or make this one a manager with "docker node promote"`,
    );
  throw failed(
    `the Docker engine at ${where} is in no swarm (${state}): make one with "docker swarm init", or use --launcher docker`,
  );
}

/** Of `GET /info`. */
interface SwarmInfo {
  readonly NodeID?: string;
  readonly LocalNodeState?: string;
  readonly ControlAvailable?: boolean;
}

function isIn({ IPAM }: Docker.NetworkInspectInfo): boolean {
  const subnets = new BlockList();
  for (const { Subnet = "" } of (IPAM?.Config ?? []) as readonly { readonly Subnet?: string }[]) {
    const [address = "", bits] = Subnet.split("/");
    if (address !== "") subnets.addSubnet(address, Number(bits), address.includes(":") ? "ipv6" : "ipv4");
  }
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some(({ address, family }) => subnets.check(address, family === "IPv6" ? "ipv6" : "ipv4"));
}

function howMade(name: string): string {
  return `make one with "docker network create --driver overlay --attachable ${name}" and name it with --network`;
}

function failed(words: string): RoundhouseError {
  return new RoundhouseError("START_FAILED", `Replicas cannot be services of a swarm: ${words}`);
}

function wrong(message: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream" });
}
