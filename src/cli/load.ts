// `roundhouse load`: puts a server under load, shows how it does while it runs, and reports.
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { RoundhouseError } from "../errors.ts";
import type { LoadFlags } from "../load/load-settings.ts";
import type { LoadSample } from "../load/recorder.ts";
import { print } from "./output.ts";

interface Flags extends Omit<LoadFlags, "url"> {
  readonly json?: true;
  readonly out?: string;
  readonly html?: string;
}

const help = `
The closed model (--users) asks again as soon as an answer is there; the open model (--rate) sends at its rate whatever
the server does, and counts latency from when a request was due, so that a stall is not left out.

Keys: random (six digits), uniform:COUNT, zipf:COUNT[:EXPONENT], sequence[:COUNT], file:PATH

Examples:
  roundhouse load http://127.0.0.1:5000/home --requests 10000
  roundhouse load 'http://127.0.0.1:5000/item/{key}' --rate 2000 --duration 30s --keys zipf:100000:1.1
  roundhouse load http://127.0.0.1:5000/home --users 10s:16,30s:256,10s:16 --html load.html
  roundhouse load http://127.0.0.1:5000/orders --method POST --body '{"id":{key}}' --rate 100`;

/** Adds `load` to the program. */
export function addLoadCommand(program: Command): void {
  program
    .command("load")
    .description(
      "put a server under load: rates or users, keys, latencies without coordinated omission, reports",
    )
    .argument("<url>", "where to, with {key} where the key belongs")
    .option("--users <count>", "closed model: so many users (default 16), or stages such as 10s:16,30s:256")
    .option("--rate <per second>", "open model: so many requests a second, or stages such as 10s:100,1m:900")
    .option("--duration <time>", "such as 500ms, 30s, 2m (default 10s, or until --requests are done)")
    .option("--requests <count>", "end after so many")
    .option("--keys <source>", "see below (default random)")
    .option("--method <list>", "a method, or several with weights such as GET:9,POST:1", "GET")
    .option("--header <line>", "Name: value (repeatable)", (line: string, seen: string[] = []) => [
      ...seen,
      line,
    ])
    .option("--body <text>", "sent with every method but GET and HEAD; @file for a file's text")
    .option("--count-by <what>", "how answers tell their replica: header:NAME, a regular expression, or off")
    .option("--arrivals <kind>", "open model: even or poisson", "even")
    .option("--connections <count>", "open model: most connections", "256")
    .option("--timeout-ms <ms>", "a request has failed after this", "10000")
    .option("--seed <number>", "of keys, methods and arrivals", "1")
    .option("--insecure", "accept any certificate")
    .option("--json", "print the report as JSON")
    .option("--out <file>", "write the report as JSON")
    .option("--html <file>", "write the report as a page with charts")
    .addHelpText("after", help)
    .action(load);
}

async function load(url: string, flags: Flags): Promise<void> {
  const { settleLoad } = await import("../load/load-settings.ts");
  const { runLoad } = await import("../load/load.ts");
  const { reportPage, reportText } = await import("../load/report.ts");
  const { options, seed } = settleLoad({ ...flags, url });
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once("SIGINT", interrupt);
  const progress = process.stderr.isTTY ? createProgress(options.model) : null;
  const result = await runLoad({
    ...options,
    signal: stop.signal,
    ...(progress === null ? {} : { onSample: progress.show }),
  });
  process.removeListener("SIGINT", interrupt);
  progress?.end();
  const report = { format: 1, command: commandLine(), url, model: options.model, seed, result } as const;
  if (flags.out !== undefined) write(flags.out, `${JSON.stringify(report, null, 2)}\n`);
  if (flags.html !== undefined) write(flags.html, reportPage(report));
  print(flags.json === true ? JSON.stringify(report) : reportText(report));
  if (result.counts.answered === 0) process.exitCode = 1;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new RoundhouseError("BAD_CONFIG", `Cannot write the report: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** One line that is written over and over. */
function createProgress(model: "open" | "closed"): { show(second: LoadSample): void; end(): void } {
  let answered = 0;
  let failed = 0;
  return {
    show: (second) => {
      answered += second.answered;
      failed += second.failed;
      const level = `${Math.round(second.level)}${model === "open" ? "/s" : " users"}`;
      const times =
        second.p99 === null ? "no answer" : `p50 ${second.p50?.toFixed(2)}  p99 ${second.p99.toFixed(2)} ms`;
      const words = `${second.atS.toFixed(0)} s  ${level}  ${second.answered}/s  ${times}  ${answered} answered  ${failed} failed`;
      process.stderr.write(`\r\x1b[K${words}`);
    },
    end: () => void process.stderr.write("\r\x1b[K"),
  };
}

/** As it would be typed in a shell. */
function commandLine(): string {
  const words = process.argv
    .slice(2)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`));
  return ["roundhouse", ...words].join(" ");
}
