// Starts one program on one core and ends it again: every peer, origin and load generator is started here.
import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface PinnedProcess {
  readonly pid: number;
  /** Everything it wrote to standard error so far, at most the last 4,000 characters. */
  complaints(): string;
  readonly hasEnded: boolean;
  /** SIGTERM, then SIGKILL after 3 s; resolves when it is gone. */
  stop(): Promise<void>;
}

export interface PinnedOptions {
  readonly core: number;
  readonly environment?: Readonly<Record<string, string>>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function spawnPinned(command: readonly string[], options: PinnedOptions): ChildProcess {
  // taskset replaces itself by the command, so the pid is the command's.
  const child = spawn("taskset", ["-c", String(options.core), ...command], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.environment },
  });
  running.add(child);
  child.on("exit", () => running.delete(child));
  child.on("error", () => running.delete(child));
  return child;
}

/** Starts a server that stays until `stop`. */
export function startPinned(command: readonly string[], options: PinnedOptions): PinnedProcess {
  const child = spawnPinned(command, options);
  let tail = "";
  const keepTail = (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-4000);
  };
  child.stdout?.on("data", keepTail);
  child.stderr?.on("data", keepTail);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", (error) => {
      tail += `cannot start ${command.join(" ")}: ${error.message}`;
      resolve();
    });
  });
  return {
    pid: child.pid ?? -1,
    complaints: () => tail,
    get hasEnded() {
      return !running.has(child);
    },
    async stop() {
      if (!running.has(child)) return;
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), 3000);
      await ended;
      clearTimeout(killer);
    },
  };
}

/** Runs a program to its end and gives its standard output; a non-zero exit throws with what it said. */
export async function runPinned(command: readonly string[], options: PinnedOptions): Promise<string> {
  const child = spawnPinned(command, options);
  let output = "";
  let complaints = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${command[0]} ended with code ${code}: ${complaints || output}`);
  return output;
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" && address ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Waits until the process accepts connections on the port; throws with its last words when it does not in time. */
export async function accepting(
  name: string,
  started: PinnedProcess,
  port: number,
  withinMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!started.hasEnded && Date.now() < deadline) {
    if (await accepts(port)) return;
    await sleep(50);
  }
  const how = started.hasEnded ? "ended" : `did not accept a connection within ${withinMs / 1000} s`;
  throw new Error(
    `Cannot start ${name} on port ${port}: it ${how}. It said: ${started.complaints() || "nothing"}`,
  );
}
