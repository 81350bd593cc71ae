// A real system under faults: `roundhouse up --queue` in processes of its own, on ports that stay the same when it is
// started anew, over one data directory.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface FaultedSystem {
  /** The front port: the course's contract. */
  readonly frontOrigin: string;
  readonly readOrigin: string;
  /** The native API. */
  readonly queueOrigin: string;
  /** Of the front door now. */
  frontDoorPid(): number;
  /** Of the brokers that are recorded now; some may have just ended. */
  brokerPids(): readonly number[];
  /** kill -9 of the front door; resolves when it has ended. */
  killFrontDoor(): Promise<void>;
  /** Starts the front door (again) and resolves when it listens. */
  start(): Promise<void>;
  /** SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>;
}

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const START_WITHIN_MS = 30_000;

export async function createFaultedSystem(folder: string, brokers: number): Promise<FaultedSystem> {
  const [front, read, queue] = await freePorts(3);
  const dataDir = join(folder, "data");
  const args = ["up", "-n", "1", "--port", `${front}`, "--admin-port", "off", "--log-format", "json"];
  args.push("--queue", "--brokers", `${brokers}`, "--queue-data", dataDir);
  args.push("--queue-port", `${queue}`, "--read-port", `${read}`);
  let child: ChildProcess | null = null;

  async function startOnce(): Promise<boolean> {
    const starting = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    child = starting;
    return new Promise((resolve) => {
      let text = "";
      starting.stderr?.on("data", (part: Buffer) => {
        appendFileSync(join(folder, "log.ndjson"), part);
        if (text.length < 1_000_000) text += part;
        if (/"event":"up"/.test(text)) resolve(true);
      });
      starting.once("exit", () => resolve(false));
    });
  }

  return {
    frontOrigin: `http://127.0.0.1:${front}`,
    readOrigin: `http://127.0.0.1:${read}`,
    queueOrigin: `http://127.0.0.1:${queue}`,
    frontDoorPid: () => child?.pid ?? 0,
    brokerPids: () => recordedPids(join(dataDir, "brokers.json")),
    async killFrontDoor() {
      const killed = child;
      if (killed === null || killed.exitCode !== null) return;
      const exit = once(killed, "exit");
      killed.kill("SIGKILL");
      await exit;
    },
    async start() {
      const untilMs = performance.now() + START_WITHIN_MS;
      while (!(await startOnce())) {
        if (performance.now() > untilMs)
          throw new Error(`the front door does not start; see ${folder}/log.ndjson`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    async stop() {
      const stopping = child;
      if (stopping === null || stopping.exitCode !== null) return stopping?.exitCode ?? null;
      const exit = once(stopping, "exit");
      stopping.kill("SIGTERM");
      const [code] = (await exit) as [number | null];
      return code;
    },
  };
}

/** The control plane writes its brokers down, so that the next one can end them. */
function recordedPids(file: string): number[] {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { pid: number }[]).map(({ pid }) => pid);
  } catch {
    return [];
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers) await once(server.listen(0, "127.0.0.1"), "listening");
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) await once(server.close(), "close");
  return ports;
}
