// Runs the built command line as users do, on free ports, and reads its JSON log.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The built command line. */
export const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

function start(args: readonly string[], { cwd, env }: RunOptions): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Runs a command to its end. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = start(args, options);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

export type LogRecord = Record<string, unknown> & { msg: string };

export interface RunningFrontDoor {
  readonly pid: number;
  readonly url: string;
  readonly adminUrl: string;
  readonly log: readonly LogRecord[];
  signal(name: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGTERM, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** `roundhouse up` with these arguments, on free ports; resolves when its first replicas have settled. */
export async function up(args: readonly string[] = [], options: RunOptions = {}): Promise<RunningFrontDoor> {
  const child = start(["up", "--port", "0", "--admin-port", "0", "--log-format", "json", ...args], options);
  const log: LogRecord[] = [];
  const opened = new Promise<LogRecord>((resolve, reject) => {
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
      const record = parse(line);
      log.push(record);
      if (record.event === "up") resolve(record);
    });
    child.once("exit", () =>
      reject(new Error(`ended early:\n${log.map((record) => record.msg).join("\n")}`)),
    );
  });
  const ended = once(child, "exit").then(([code, signal]) => ({ code, signal }));
  const record = await opened;
  const admin = record.admin as { host: string; port: number };
  await fetch(`http://127.0.0.1:${record.port}/rep`); // held until the first replicas have settled
  return {
    pid: child.pid as number,
    url: `http://127.0.0.1:${record.port}`,
    adminUrl: `http://127.0.0.1:${admin.port}`,
    log,
    signal: (name) => void child.kill(name),
    ended,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function parse(line: string): LogRecord {
  try {
    return JSON.parse(line) as LogRecord;
  } catch {
    return { msg: line };
  }
}

/** Asks every 20 ms until the answer is not undefined or false; fails with `what` after 15 s. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
