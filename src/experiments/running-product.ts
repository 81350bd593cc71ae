// The product itself under experiment: its own command line as a child process, so that what is measured is what users
// run, and the measuring disturbs it as little as one machine allows.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { RoundhouseError } from "../errors.ts";

/** The program and its first arguments, up to and without the command's name. */
export type ProductCommand = readonly [string, ...string[]];

/** A line of its log; `time` in ms since the Unix epoch. */
export interface LogLine {
  readonly timeMs: number;
  readonly event?: string;
  readonly replica?: string;
  readonly seat?: number;
  readonly state?: string;
  readonly broker?: string;
  readonly pid?: number;
  readonly msg: string;
}

export interface RunningProduct {
  /** Grows while it runs. */
  readonly log: readonly LogLine[];
  /** The log line that told that it is open. */
  readonly opened: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Resolves when the log tells of the event `openEvent`. */
export async function startProduct(
  [program, ...first]: ProductCommand,
  args: readonly string[],
  openEvent: string,
  signal: AbortSignal,
): Promise<RunningProduct> {
  const child = spawn(program, [...first, ...args], { stdio: ["ignore", "ignore", "pipe"], signal });
  child.on("error", () => {}); // the signal; `exit` follows
  const log: LogLine[] = [];
  const exited = once(child, "exit");
  const opened = await new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      const record = parse(line);
      log.push({ ...record, timeMs: Date.parse(String(record.time)), msg: String(record.msg) });
      if (record.event === openEvent) resolve(record);
    });
    void exited.then(() => reject(endedEarly(log)));
  });
  return {
    log,
    opened,
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

function endedEarly(log: readonly LogLine[]): RoundhouseError {
  const words = log.map(({ msg }) => msg).join("\n");
  return new RoundhouseError(
    "START_FAILED",
    `The program under experiment ended while it started:\n${words}`,
  );
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { msg: line };
  }
}

const patienceMs = 30_000;

/** Asks every few ms until the answer is not null; rejects after 30 s, naming what never happened. */
export async function until<T>(what: string, ask: () => Promise<T | null> | T | null): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) {
      throw new RoundhouseError(
        "TIMEOUT",
        `The experiment waited ${patienceMs} ms in vain for this: ${what}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
