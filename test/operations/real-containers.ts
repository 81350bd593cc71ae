// Replicas as containers of a real engine, seen from outside: by `docker ps`, never by what the front door says of them.
import type { ReplicaReport } from "../../src/balancer/admin-api.ts";
import { docker } from "../docker/docker.ts";
import type { ProgramName } from "./operation.ts";
import type { Outside } from "./real-world.ts";

/** What the command line of our image is told; what fails later is not among it, and works. */
const commands: Readonly<Record<ProgramName, readonly string[]>> = {
  works: ["serve"],
  "fails later": ["serve"],
  exits: ["no-such-command"],
  "is silent": ["serve", "--port", "9"],
};

/** @param images two names of the image; a roll-out brings the one that is not there, by turns */
export function containersOutside(fleet: string, images: readonly [string, string]): Outside {
  const prefix = `${fleet}-`;
  const ours = ["--filter", `label=roundhouse.fleet=${fleet}`, "--filter", "label=roundhouse.role=replica"];
  let rollouts = 0;

  async function names(...filters: readonly string[]): Promise<string[]> {
    const text = await docker("ps", "--format", '{{.Label "roundhouse.replica"}}', ...ours, ...filters);
    return text.split("\n").filter((line) => line !== "");
  }

  /** What has ended meanwhile is no failure. */
  const tell = (verb: string, name: string) => docker(verb, prefix + name).catch(() => "");

  return {
    flags: [
      ...["--launcher", "docker", "--image", images[0], "--network", fleet, "--fleet", fleet],
      ...["--container-prefix", prefix],
    ],
    command: [],
    bodyFor(program) {
      rollouts += 1;
      return { image: images[rollouts % 2], command: commands[program] };
    },
    running: names,
    kill: async ({ name }: ReplicaReport) => void (await tell("kill", name)),
    pause: async ({ name }: ReplicaReport) => void (await tell("pause", name)),
    async resume() {
      await Promise.all((await names("--filter", "status=paused")).map((name) => tell("unpause", name)));
    },
    async close() {
      const left = await docker("ps", "--all", "--quiet", "--filter", `label=roundhouse.fleet=${fleet}`);
      if (left !== "") await docker("rm", "--force", ...left.split("\n"));
    },
  };
}
