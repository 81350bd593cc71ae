// A fleet under experiment: the product's own command line as a child process, on free ports, so that what is measured
// is what users run and the measuring disturbs it as little as one machine allows.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { RoundhouseError } from "../errors.ts";

export interface ReplicaState {
  readonly name: string;
  readonly seat: number;
  readonly state: string;
  readonly share: number | null;
  readonly address: string | null;
  readonly pid: number | null;
}

/** A line of the front door's log; `time` in ms since the Unix epoch. */
export interface LogLine {
  readonly timeMs: number;
  readonly event?: string;
  readonly replica?: string;
  readonly seat?: number;
  readonly state?: string;
  readonly msg: string;
}

export interface RunningFleet {
  readonly url: string;
  readonly adminUrl: string;
  /** Grows while it runs. */
  readonly log: readonly LogLine[];
  /** Replicas with a seat; and how many spares wait, healthy. */
  status(): Promise<{
    readonly replicas: readonly ReplicaState[];
    readonly spares: readonly { state: string }[];
  }>;
  /** POST /add of so many; resolves when they serve. */
  add(count: number): Promise<void>;
  /** Asks every few ms until the answer is not null; rejects after 30 s, naming what never happened. */
  until<T>(what: string, ask: () => Promise<T | null> | T | null): Promise<T>;
  stop(): Promise<void>;
}

/** Starts `roundhouse up` with these arguments. */
export type FleetStarter = (args: readonly string[]) => Promise<RunningFleet>;

/** @param command the program and its first arguments, up to and without `up` */
export function fleetStarter(command: readonly [string, ...string[]], signal: AbortSignal): FleetStarter {
  return async (args) => {
    const [program, ...first] = command;
    const fixed = ["up", "--host", "127.0.0.1", "--port", "0", "--admin-port", "0", "--log-format", "json"];
    const child = spawn(program, [...first, ...fixed, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      signal,
    });
    child.on("error", () => {}); // the signal; `exit` follows
    const log: LogLine[] = [];
    const exited = once(child, "exit");
    const opened = new Promise<Record<string, unknown>>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (line) => {
        const record = parse(line);
        log.push({ ...record, timeMs: Date.parse(String(record.time)), msg: String(record.msg) });
        if (record.event === "up") resolve(record);
      });
      void exited.then(() => reject(failed(log)));
    });
    const { port, admin } = (await opened) as { port: number; admin: { port: number } };
    const fleet = runningFleet(`http://127.0.0.1:${port}`, `http://127.0.0.1:${admin.port}`, log);
    await fleet.status();
    await fetch(`${fleet.url}/rep`); // held until the first replicas have settled
    return {
      ...fleet,
      async stop() {
        child.kill("SIGTERM");
        await exited;
      },
    };
  };
}

function failed(log: readonly LogLine[]): RoundhouseError {
  const words = log.map(({ msg }) => msg).join("\n");
  return new RoundhouseError("START_FAILED", `The fleet of the experiment ended while it started:\n${words}`);
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { msg: line };
  }
}

const patienceMs = 30_000;

function runningFleet(url: string, adminUrl: string, log: readonly LogLine[]): Omit<RunningFleet, "stop"> {
  const until = async <T>(what: string, ask: () => Promise<T | null> | T | null): Promise<T> => {
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
  };
  return {
    url,
    adminUrl,
    log,
    until,
    status: async () =>
      (await fetch(`${adminUrl}/api/v1/status`)).json() as ReturnType<RunningFleet["status"]>,
    async add(count) {
      const body = JSON.stringify({ n: count });
      const answer = await fetch(`${url}/add`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      if (!answer.ok)
        throw new RoundhouseError(
          "START_FAILED",
          `The experiment could not add replicas: ${await answer.text()}`,
        );
    },
  };
}
