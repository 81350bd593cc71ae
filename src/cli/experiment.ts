// `roundhouse experiment`: runs experiments on the product itself and writes reports with charts.
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { RoundhouseError } from "../errors.ts";
import type { Experiment } from "../experiments/experiment.ts";
import type { ReplicaKind } from "../experiments/replica-kind.ts";
import { print } from "./output.ts";
import { wholeNumber } from "./usage.ts";

interface Flags {
  readonly requests: string;
  readonly seed: string;
  readonly out: string;
  readonly launcher: string;
  readonly image?: string;
  readonly network?: string;
}

const help = `
  a1  how requests spread over three servers          a2  the load per server as the fleet grows
  a3  endpoints; replicas that are killed, stopped or answer 500
  a4  other hash functions against the course's       a5  skewed keys, with and without bounded load
  a6  one server four times slower than the others    a7  3 to 10,000 servers, by simulation
  a8  the queue: shards, brokers, and one that is killed

Each writes a folder with a report (Markdown), charts (SVG, PNG) and its raw data (JSON, CSV).

With --launcher docker the replicas of a1 to a4 are containers; kill -9 is docker kill, SIGSTOP docker pause. What needs the
lab's own replicas (a5, a6, and a3's that answer 500), a simulation (a7) or brokers (a8) runs as with the process launcher.

Examples:
  roundhouse experiment a1
  roundhouse experiment all --out reports --seed 7
  roundhouse experiment a1 a2 a3 --launcher docker`;

/** As `make build` and docs/docker.md name it. */
const ownImage = "roundhouse";

/** Adds `experiment` to the program. */
export function addExperimentCommand(program: Command, version: string): void {
  program
    .command("experiment")
    .description("run experiments on this machine and write reports with charts")
    .argument("<name...>", "which; all for every one")
    .option("--requests <count>", "requests of each run", "10000")
    .option("--seed <number>", "of all that is left to chance", "1")
    .option("--out <directory>", "where the reports go", "experiments")
    .option("--launcher <kind>", "what starts replicas: process or docker", "process")
    .option("--image <name>", `of containers; answers as the built-in replica does (default: "${ownImage}")`)
    .option("--network <name>", "Docker network of containers (default: Docker's own bridge)")
    .addHelpText("after", help)
    .action((names: string[], flags: Flags) => experiment(names, flags, version));
}

async function experiment(names: readonly string[], flags: Flags, version: string): Promise<void> {
  const { chosen, runExperiments } = await import("../experiments/experiments.ts");
  const { fleetStarter } = await import("../experiments/running-fleet.ts");
  const { queueStarter } = await import("../experiments/running-queue.ts");
  const list = chosen(names);
  const replicas = await replicaKind(flags);
  if (flags.launcher === "docker") tellWithout(list);
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  const main = fileURLToPath(import.meta.url).replace(/experiment(\.[jt]s)$/, "main$1");
  const product = [process.execPath, ...process.execArgv, main] as const;
  const settings = {
    requestCount: wholeNumber("--requests", flags.requests),
    seed: wholeNumber("--seed", flags.seed),
    startFleet: fleetStarter(product, replicas, stop.signal),
    startQueue: queueStarter(product, stop.signal),
    signal: stop.signal,
  };
  const command = ["roundhouse", ...process.argv.slice(2)].join(" ");
  const bar = progressBar(process.stderr.isTTY === true);
  await runExperiments(
    list,
    settings,
    flags.out,
    { command, version, launcher: replicas.launcher },
    {
      step: ({ id }, done, steps, words) => bar.show(id, done, steps, words),
      finished: ({ title }, { observations }, report) => {
        bar.clear();
        print(
          [title, ...observations.map((sentence) => `  - ${plain(sentence)}`), `  ${report}`, ""].join("\n"),
        );
      },
    },
  ).finally(() => bar.clear());
  process.removeListener("SIGINT", interrupt);
}

/** Rejects with BAD_CONFIG, or START_FAILED without engine or image. */
async function replicaKind({ launcher, image, network }: Flags): Promise<ReplicaKind> {
  const { containerReplicas, processReplicas } = await import("../experiments/replica-kind.ts");
  if (launcher === "docker") return containerReplicas(image ?? ownImage, network);
  if (launcher !== "process") throw wrong(`--launcher is "${launcher}"; accepted: process, docker`);
  const idle = image !== undefined ? "--image" : network !== undefined ? "--network" : undefined;
  if (idle !== undefined) throw wrong(`${idle} is for --launcher docker; add that, or leave it out`);
  return processReplicas;
}

function wrong(message: string): RoundhouseError {
  return new RoundhouseError("BAD_CONFIG", message, { source: "downstream" });
}

function tellWithout(list: readonly Experiment[]): void {
  for (const { id, withoutContainers } of list) {
    if (withoutContainers === undefined) continue;
    process.stderr.write(`${id} runs as with --launcher process: ${withoutContainers}\n`);
  }
}

/** Markdown's marks mean nothing on a terminal. */
const plain = (sentence: string): string => sentence.replace(/\*\*|`/g, "");

const barWidth = 30;

function progressBar(terminal: boolean): {
  show(id: string, done: number, steps: number, words: string): void;
  clear(): void;
} {
  if (!terminal) return { show: () => {}, clear: () => {} };
  return {
    show: (id, done, steps, words) => {
      const full = Math.round((done / steps) * barWidth);
      process.stderr.write(
        `\r\x1b[K${id} [${"█".repeat(full)}${"·".repeat(barWidth - full)}] ${done}/${steps}  ${words}`,
      );
    },
    clear: () => void process.stderr.write("\r\x1b[K"),
  };
}
