// What a replica's container is made of, and the labels by which a later front door knows it again. Pure.
import { createHash } from "node:crypto";
import type Docker from "dockerode";
import type { LaunchSpec } from "../../launcher.ts";

/** What the containers of a fleet have in common. */
export interface ContainerOptions {
  /** Name or id of the image. */
  readonly image: string;
  /** Program and arguments; `{port}`, `{host}` and `{id}` are expanded. Default: what the image runs. */
  readonly command?: readonly string[] | undefined;
  /** Name of a network; default Docker's own `bridge`, which knows no names. */
  readonly network?: string | undefined;
  /** Begins the containers' names, so that two fleets can live on one engine; default empty. */
  readonly prefix?: string | undefined;
  /** Where the server inside is told to listen; default 8080. Every container has an address of its own. */
  readonly port?: number | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Processors' worth of time, such as 0.5; default: no limit. */
  readonly cpus?: number | undefined;
  /** Default: no limit. Swap is not added to it. */
  readonly memoryBytesMax?: number | undefined;
  /** Processes and threads; default 4096. */
  readonly pidsMax?: number | undefined;
  /** The image's files cannot be changed, and /tmp is in memory; default: for images of our own. */
  readonly readOnly?: boolean | undefined;
  /** Linux capabilities that are kept, such as `CHOWN`; default none. */
  readonly capabilities?: readonly string[] | undefined;
  /** Added to ours. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** The image that the engine has under the name. */
export interface Image {
  readonly id: string;
  /** It bears {@link imageLabel}: made from our Dockerfile, with the command line as its entry point. */
  readonly own: boolean;
}

export const imageLabel = "roundhouse.image";

/** What a container's labels say. */
export const label = {
  fleet: "roundhouse.fleet",
  /** `replica`, or what front doors agree by; see lock.ts. */
  role: "roundhouse.role",
  replica: "roundhouse.replica",
  /** The seat when it was started; `0` is a spare's, which may have taken one since. */
  seat: "roundhouse.seat",
  /** A fingerprint of everything that replicas have in common. */
  spec: "roundhouse.spec",
  /** How many replicas the configuration asked for. */
  replicas: "roundhouse.replicas",
  /** The front door that started it; for people. */
  run: "roundhouse.run",
} as const;

export interface FleetMarks {
  readonly fleet: string;
  readonly replicaCount: number;
  readonly run: string;
}

const defaultPort = 8080;
const defaultPidsMax = 4_096;

export function portOf({ port = defaultPort }: ContainerOptions): number {
  return port;
}

export function networkOf({ network = "bridge" }: ContainerOptions): string {
  return network;
}

export function containerName({ prefix = "" }: ContainerOptions, replica: string): string {
  return prefix + replica;
}

/** One fingerprint for all replicas: a container with another one was started with another image or other options. */
export function fingerprint(options: ContainerOptions, image: Image): string {
  const shared = createRequest(options, image, blank, { fleet: "", replicaCount: 0, run: "" });
  return createHash("sha256").update(JSON.stringify(shared)).digest("hex").slice(0, 16);
}

const blank = { name: "", seat: 0 };

/** Of a launch, what is this container's alone. */
type Place = Pick<LaunchSpec, "name" | "seat">;

/** What the engine is asked to create, but for the fingerprint. */
function createRequest(
  options: ContainerOptions,
  image: Image,
  { name, seat }: Place,
  { fleet, replicaCount, run }: FleetMarks,
): Docker.ContainerCreateOptions {
  const network = networkOf(options);
  const port = portOf(options);
  const expand = (word: string): string =>
    word.replaceAll(/\{(port|host|id)\}/g, (_all, what: "port" | "host" | "id") =>
      what === "port" ? String(port) : what === "host" ? "0.0.0.0" : name,
    );
  const command = options.command ?? (image.own ? ["serve"] : undefined);
  return {
    name: containerName(options, name),
    Image: image.id,
    ...(command === undefined ? {} : { Cmd: command.map(expand) }),
    Env: environment({ ...options.env, PORT: String(port), HOST: "0.0.0.0", SERVER_ID: name }),
    Labels: {
      ...options.labels,
      [label.fleet]: fleet,
      [label.role]: "replica",
      [label.replica]: name,
      [label.seat]: String(seat),
      [label.replicas]: String(replicaCount),
      [label.run]: run,
    },
    // Our heartbeats ask already.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: network,
      // Who is replaced, and when, is decided in one place.
      RestartPolicy: { Name: "no" },
      SecurityOpt: ["no-new-privileges"],
      CapDrop: ["ALL"],
      CapAdd: [...(options.capabilities ?? [])],
      ...limits(options),
      ...files(options, image),
    },
    ...(network === "bridge"
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [name] } } } }),
  };
}

/** What the engine is asked to create for one replica. */
export function containerSpec(
  options: ContainerOptions,
  image: Image,
  spec: Place,
  marks: FleetMarks,
): Docker.ContainerCreateOptions {
  const request = createRequest(options, image, spec, marks);
  return { ...request, Labels: { ...request.Labels, [label.spec]: fingerprint(options, image) } };
}

function environment(variables: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${value}`,
  );
}

function limits({ cpus, memoryBytesMax, pidsMax = defaultPidsMax }: ContainerOptions): Docker.HostConfig {
  return {
    PidsLimit: pidsMax,
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
    ...(memoryBytesMax === undefined ? {} : { Memory: memoryBytesMax, MemorySwap: memoryBytesMax }),
  };
}

function files({ readOnly }: ContainerOptions, { own }: Image): Docker.HostConfig {
  if (!(readOnly ?? own)) return {};
  return { ReadonlyRootfs: true, Tmpfs: { "/tmp": "rw,noexec,nosuid,size=64m" } };
}
