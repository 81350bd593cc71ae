// What differs between fleets under experiment whose replicas are processes and those whose replicas are containers: the
// flags that start one, and how one replica comes to harm.
import { randomBytes } from "node:crypto";
import { RoundhouseError } from "../errors.ts";
import { connectEngine, type Engine, within } from "../fleet/launchers/docker/engine.ts";
import { engineTrouble, statusOf } from "../fleet/launchers/docker/engine-errors.ts";
import type { ReplicaState } from "./running-fleet.ts";

/** `kill` ends it without a warning; `freeze` leaves it there, without an answer. */
export type Harm = "kill" | "freeze";

export interface FleetGround {
  /** Flags of `roundhouse up`. */
  readonly flags: readonly string[];
  /** Resolves with the moment at which it was ordered, in ms since the Unix epoch. */
  harm(replica: ReplicaState, how: Harm): Promise<number>;
}

export interface ReplicaKind {
  /** For reports. */
  readonly launcher: string;
  /** For one more fleet; each has names of its own. */
  newGround(): FleetGround;
}

export const processReplicas: ReplicaKind = {
  launcher: "process",
  newGround: () => ({
    flags: [],
    async harm({ pid }, how) {
      const orderedMs = Date.now();
      process.kill(pid as number, how === "kill" ? "SIGKILL" : "SIGSTOP");
      return orderedMs;
    },
  }),
};

/**
 * Containers of the image, which must answer as the built-in replica does, in the network, by default Docker's own.
 * Rejects, in words, when there is no engine, or not this image.
 */
export async function containerReplicas(image: string, network?: string): Promise<ReplicaKind> {
  const engine = await connectEngine();
  const id = await imageId(engine, image);
  return {
    launcher:
      `docker, containers of ${image} (${id.slice(0, 19)}); kill -9 is \`docker kill\`, SIGSTOP \`docker pause\`; ` +
      "replicas that are to answer 500 are the lab's own program, as processes",
    newGround() {
      const fleet = `experiment-${randomBytes(4).toString("hex")}`;
      const prefix = `${fleet}-`;
      const place = ["--image", id, ...(network === undefined ? [] : ["--network", network])];
      return {
        flags: ["--launcher", "docker", "--fleet", fleet, "--container-prefix", prefix, ...place],
        harm: ({ name }, how) => harmContainer(engine, prefix + name, how),
      };
    },
  };
}

async function imageId({ docker, where }: Engine, image: string): Promise<string> {
  try {
    return (await within(docker.getImage(image).inspect())).Id;
  } catch (cause) {
    const words =
      statusOf(cause) === 404
        ? `there is no image ${image} on the Docker engine: make it with "docker build -t ${image} ." in Roundhouse's folder, or name another with --image`
        : engineTrouble(cause, where);
    throw new RoundhouseError("START_FAILED", `The experiment's replicas cannot be containers: ${words}`, {
      cause,
    });
  }
}

const attemptsMax = 20;

async function harmContainer(engine: Engine, name: string, how: Harm, attempt = 1): Promise<number> {
  const { docker, where } = engine;
  const container = docker.getContainer(name);
  const orderedMs = Date.now();
  try {
    await within(how === "kill" ? container.kill({ signal: "SIGKILL" }) : container.pause());
    return orderedMs;
  } catch (cause) {
    // The first generation of control groups sometimes fails to freeze a busy one, and leaves it as it was.
    if (attempt < attemptsMax && /unable to freeze/.test(String(cause)))
      return harmContainer(engine, name, how, attempt + 1);
    const words = `The experiment could not ${how} the container ${name}: ${engineTrouble(cause, where)}`;
    throw new RoundhouseError("UNREACHABLE", words, { cause });
  }
}
