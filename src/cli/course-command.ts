// What `runproduce` and `runconsume` share: their flags, as the course project writes them, the address of the queue,
// Ctrl-C, and how they end.
import { Command, CommanderError } from "commander";
import { RoundhouseError } from "../errors.ts";
import type { Subscription } from "../queue/client/legacy.ts";
import { parseSubscription } from "../queue/client/producer-log.ts";
import { exitCode } from "./exit-code.ts";
import { usage } from "./usage.ts";

interface CourseFlags {
  readonly id: string;
  readonly topics: readonly string[];
  readonly broker: string;
  readonly log_loc: string;
  readonly timeout_s?: string;
}

export interface CourseRun {
  readonly id: number;
  readonly topics: readonly Subscription[];
  /** `host`, or `host:port`. */
  readonly broker: string;
  readonly logDir: string;
  /** In seconds, where the command has such a flag. */
  readonly timeoutS: number;
  readonly tell: (text: string) => void;
  /** Aborted by the first Ctrl-C or SIGTERM; the second ends the process. */
  readonly signal: AbortSignal;
}

/** Parses the process's arguments, runs, and sets the exit code. */
export async function runCourseCommand(
  name: string,
  describe: (command: Command) => Command,
  run: (options: CourseRun) => Promise<void>,
): Promise<void> {
  const tell = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
  try {
    const command = describe(withFlags(new Command(name)))
      .exitOverride()
      .parse();
    const flags = command.opts<CourseFlags>();
    await run({
      id: wholeId(flags.id),
      topics: flags.topics.map(parseSubscription),
      broker: flags.broker,
      logDir: flags.log_loc,
      timeoutS: seconds(flags.timeout_s ?? "20"),
      tell,
      signal: abortedByCtrlC(),
    });
  } catch (error) {
    process.exitCode = codeOf(error);
    if (error instanceof CommanderError) return;
    tell(
      error instanceof RoundhouseError
        ? error.message
        : error instanceof Error
          ? String(error.stack)
          : String(error),
    );
  }
}

function withFlags(command: Command): Command {
  return command
    .requiredOption("--id <number>", "its number, in the name of its file")
    .requiredOption("--topics <topic:part...>", "shards, such as T1:P1 T2:P2, or T3:* for all of a topic")
    .option("--broker <host[:port]>", "the queue", "127.0.0.1")
    .option("--log_loc <directory>", "where its file is", ".");
}

/** The addresses of a host, where it names no port: on these. */
export function originsOf(broker: string, ports: readonly number[]): string[] {
  const text = broker.replace(/^http:\/\//, "").replace(/\/$/, "");
  const address = URL.canParse(`http://${text}`) ? new URL(`http://${text}`) : null;
  if (address === null || address.pathname !== "/" || text === "") {
    throw usage(`--broker is "${broker}"; accepted: HOST or HOST:PORT, such as 127.0.0.1:5000`);
  }
  // URL drops the port 80, which is the default of http.
  if (/:\d+$/.test(text)) return [`http://${text}`];
  return ports.map((port) => `http://${text}:${port}`);
}

function wholeId(text: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw usage(`--id is "${text}"; accepted: an integer`);
}

function seconds(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw usage(`--timeout_s is "${text}"; accepted: seconds, such as 20`);
}

/** One Ctrl-C comes twice where npm forwards it. */
const ECHO_MS = 250;

function abortedByCtrlC(): AbortSignal {
  const stop = new AbortController();
  let firstMs: number | null = null;
  const onSignal = (): void => {
    if (firstMs !== null && performance.now() - firstMs > ECHO_MS) process.exit(exitCode.failed);
    firstMs ??= performance.now();
    stop.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return stop.signal;
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  return error instanceof RoundhouseError && error.code === "BAD_CONFIG" ? exitCode.usage : exitCode.failed;
}
