// `roundhouse experiment`: runs experiments on the product itself and writes reports with charts.
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { print } from "./output.ts";
import { wholeNumber } from "./usage.ts";

interface Flags {
  readonly requests: string;
  readonly seed: string;
  readonly out: string;
}

const help = `
  a1  how requests spread over three servers          a2  the load per server as the fleet grows
  a3  endpoints; replicas that are killed, stopped or answer 500
  a4  other hash functions against the course's       a5  skewed keys, with and without bounded load
  a6  one server four times slower than the others    a7  3 to 10,000 servers, by simulation
  a8  the queue: shards, brokers, and one that is killed

Each writes a folder with a report (Markdown), charts (SVG, PNG) and its raw data (JSON, CSV).

Examples:
  roundhouse experiment a1
  roundhouse experiment all --out reports --seed 7`;

/** Adds `experiment` to the program. */
export function addExperimentCommand(program: Command, version: string): void {
  program
    .command("experiment")
    .description("run experiments on this machine and write reports with charts")
    .argument("<name...>", "which; all for every one")
    .option("--requests <count>", "requests of each run", "10000")
    .option("--seed <number>", "of all that is left to chance", "1")
    .option("--out <directory>", "where the reports go", "experiments")
    .addHelpText("after", help)
    .action((names: string[], flags: Flags) => experiment(names, flags, version));
}

async function experiment(names: readonly string[], flags: Flags, version: string): Promise<void> {
  const { chosen, runExperiments } = await import("../experiments/experiments.ts");
  const { fleetStarter } = await import("../experiments/running-fleet.ts");
  const { queueStarter } = await import("../experiments/running-queue.ts");
  const list = chosen(names);
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  const main = fileURLToPath(import.meta.url).replace(/experiment(\.[jt]s)$/, "main$1");
  const product = [process.execPath, ...process.execArgv, main] as const;
  const settings = {
    requestCount: wholeNumber("--requests", flags.requests),
    seed: wholeNumber("--seed", flags.seed),
    startFleet: fleetStarter(product, stop.signal),
    startQueue: queueStarter(product, stop.signal),
    signal: stop.signal,
  };
  const command = ["roundhouse", ...process.argv.slice(2)].join(" ");
  const bar = progressBar(process.stderr.isTTY === true);
  await runExperiments(
    list,
    settings,
    flags.out,
    { command, version },
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
