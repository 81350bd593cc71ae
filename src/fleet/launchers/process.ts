// Replicas as processes: any command, started without a shell, each in a process group of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { FleetLog } from "../fleet.ts";
import type { Address, LaunchEvents, Launcher, LaunchHandle, LaunchSpec } from "../launcher.ts";
import { createKeeper, type Keeper } from "./keeper.ts";
import { runId, runVariable, sweepLeftovers } from "./leftovers.ts";
import { createLineCutter, createLineLimit } from "./output.ts";
import { whoHolds } from "./port-holder.ts";
import { createPortPicker, isFree, type PortPicker } from "./ports.ts";
import { cpuSecondsOf, rssBytesOf, treeOf } from "./procfs.ts";
import { createReplicaOutput, type ReplicaOutput } from "./replica-output.ts";

export interface ProcessLauncherOptions {
  /** The program and its arguments; `{port}`, `{host}` and `{id}` are expanded in the arguments. */
  readonly command: readonly [string, ...string[]];
  readonly log: FleetLog;
  /** Address the replicas are told to listen on; default `127.0.0.1`. */
  readonly host?: string;
  /** Working directory; default ours. */
  readonly cwd?: string;
  /** Variables besides our own, for example those of an env file. `PORT`, `HOST` and `SERVER_ID` are always ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** File to which output is appended, besides the log. */
  readonly logFile?: string;
}

export interface ProcessLauncher extends Launcher {
  /** Opens the log file anew, after a log rotation. */
  reopenLog(): void;
  /** The keeper's process id; null: none is there. */
  readonly keeperPid: number | null;
}

/** What all launches share. */
interface Workshop {
  readonly options: ProcessLauncherOptions;
  readonly host: string;
  readonly run: string;
  readonly ports: PortPicker;
  readonly keeper: Keeper;
  readonly output: ReplicaOutput;
}

/** A launch moves on to another port this many times when it finds its port taken. */
const portsTriedMax = 5;
/** How often a group whose first process has ended is looked at, in ms. */
const groupPollMs = 25;

export function createProcessLauncher(options: ProcessLauncherOptions): ProcessLauncher {
  const { log } = options;
  const host = options.host ?? "127.0.0.1";
  const output = createReplicaOutput(log, options.logFile);
  const workshop: Workshop = {
    options,
    host,
    run: runId(),
    ports: createPortPicker(host),
    keeper: createKeeper(log),
    output,
  };
  void sweepLeftovers(log);
  return {
    fixed: false,
    runs: ["command"],
    start: (spec, events) => launch(workshop, spec, output.followed(spec.name, events)),
    outputOf: output.of,
    reopenLog: output.reopen,
    get keeperPid() {
      return workshop.keeper.pid;
    },
    async close() {
      workshop.keeper.close();
      await output.close();
    },
  };
}

function launch(workshop: Workshop, spec: LaunchSpec, events: LaunchEvents): LaunchHandle {
  /** Pid of the process that runs now; it is its group's and session's number too. 0: none runs. */
  let pid = 0;
  /** Groups that may still have processes. One whose first process has ended is kept until it is empty. */
  const groups = new Set<number>();
  let address: Address = { host: workshop.host, port: 0 };
  let asked: "nothing" | "move" | "stop" | "kill" = "nothing";
  let confirmed = false;
  let portsTried = 0;

  async function begin(): Promise<void> {
    const port = await workshop.ports.pick().catch((error: Error) => error.message);
    if (typeof port === "string") events.exited(`could not be given a port: ${port}`);
    else if (asked === "stop" || asked === "kill") events.exited("was stopped before it was started");
    else run(port);
  }

  function run(port: number): void {
    asked = "nothing";
    portsTried += 1;
    address = { host: workshop.host, port };
    const started = startOrError(workshop, spec, address);
    if (started instanceof Error) {
      notStarted(started);
      return;
    }
    started.on("error", (error) => {
      // `error` also tells of signals that could not be sent; then the child has a pid.
      if (started.pid === undefined) notStarted(error);
    });
    if (started.pid === undefined) return;
    pid = started.pid;
    const group = pid;
    groups.add(group);
    workshop.keeper.guard(group);
    pipeOutput(workshop, spec.name, started);
    started.on("exit", (code, signal) => ended(group, code, signal));
    events.launched(address, group);
  }

  function notStarted(error: Error): void {
    events.exited(whyNotStarted(workshop.options, commandOf(workshop, spec), error));
  }

  function ended(group: number, code: number | null, signal: NodeJS.Signals | null): void {
    const reason = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    pid = 0;
    if (asked !== "stop") signalGroup(group, "SIGKILL");
    whenEmpty(group, () => {
      groups.delete(group);
      workshop.keeper.release(group);
    });
    if (asked === "move") void begin();
    else if (asked === "stop") whenEmpty(group, () => events.exited(reason));
    else if (confirmed || asked === "kill" || portsTried === portsTriedMax) events.exited(reason);
    else void exitedEarly(reason);
  }

  /** A server that ends before it ever answered may have found its port taken. */
  async function exitedEarly(reason: string): Promise<void> {
    const free = await isFree(address.host, address.port).catch(() => true);
    if (free) {
      events.exited(reason);
      return;
    }
    workshop.options.log.info({ replica: spec.name }, `Port ${address.port} is taken; ${spec.name} moves on`);
    await begin();
  }

  const signalAll = (signal: NodeJS.Signals): void => {
    for (const group of groups) signalGroup(group, signal);
  };

  setImmediate(() => void begin());
  return {
    stop() {
      asked = "stop";
      signalAll("SIGTERM");
      // A stopped process acts on SIGTERM only when it is continued.
      signalAll("SIGCONT");
    },
    kill() {
      asked = "kill";
      signalAll("SIGKILL");
    },
    async confirm() {
      const asking = pid;
      const ours = portsTried === portsTriedMax || (await whoHolds(address.port, pid)) === "ours";
      if (asking === 0 || asking !== pid || asked !== "nothing") return false;
      confirmed = ours;
      if (ours) return true;
      asked = "move";
      signalAll("SIGKILL");
      return false;
    },
    rssBytes: async () => (pid === 0 ? 0 : overTree(pid, rssBytesOf)),
    cpuSeconds: async () => (pid === 0 ? 0 : overTree(pid, cpuSecondsOf)),
  };
}

function commandOf({ options }: Workshop, { program }: LaunchSpec): readonly string[] {
  return program.command ?? options.command;
}

/** Null when the first process is gone, or not ours to look at. */
function overTree(pid: number, figureOf: (pid: number) => number | null): number | null {
  const [first, ...others] = treeOf(pid).map(figureOf);
  return first == null ? null : others.reduce<number>((sum, each) => sum + (each ?? 0), first);
}

/** `spawn` tells of some failures by an event, and throws others: an empty name, a NUL byte, ENOTDIR, E2BIG. */
function startOrError(workshop: Workshop, spec: LaunchSpec, address: Address): ChildProcess | Error {
  try {
    return start(workshop, spec, address);
  } catch (error) {
    return error as Error;
  }
}

function start(workshop: Workshop, spec: LaunchSpec, { host, port }: Address): ChildProcess {
  const { cwd, env } = workshop.options;
  const [program = "", ...words] = commandOf(workshop, spec);
  const expand = (word: string): string =>
    word.replaceAll(/\{(port|host|id)\}/g, (_all, what: "port" | "host" | "id") =>
      what === "port" ? String(port) : what === "host" ? host : spec.name,
    );
  return spawn(program, words.map(expand), {
    ...(cwd === undefined ? {} : { cwd }),
    env: {
      ...process.env,
      ...env,
      PORT: String(port),
      HOST: host,
      SERVER_ID: spec.name,
      [runVariable]: workshop.run,
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A session and process group of its own: signals reach its children too, and our terminal's do not reach it.
    detached: true,
    shell: false,
    windowsHide: true,
  });
}

function pipeOutput(workshop: Workshop, replica: string, child: ChildProcess): void {
  for (const stream of ["stdout", "stderr"] as const) {
    const limit = createLineLimit((line) => workshop.output.write(replica, stream, line), Date.now);
    const lines = createLineCutter(limit);
    child[stream]?.on("data", (chunk: Buffer) => lines.feed(chunk));
    child[stream]?.on("close", () => lines.end()).on("error", () => {});
  }
}

/** True while any process of the group is there. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    // EPERM: a process of the group runs as somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Calls back, at once if it can, when no process of the group is left. */
function whenEmpty(group: number, done: () => void): void {
  if (signalGroup(group, 0)) setTimeout(whenEmpty, groupPollMs, group, done);
  else done();
}

function whyNotStarted({ cwd }: ProcessLauncherOptions, command: readonly string[], error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" && cwd !== undefined && !existsSync(cwd))
    return `could not be run: there is no folder ${cwd}`;
  if (code === "ENOENT")
    return `could not be run: there is no program "${command[0]}" (neither a file nor in PATH)`;
  if (code === "EACCES") return `could not be run: "${command[0]}" is not an executable file`;
  return `could not be run: ${error.message}`;
}
