// One broker process as the control plane has it: started, talked to, watched, killed. What its messages mean, and
// whether another one follows, is decided elsewhere.
//
// Watched in two ways: by messages over its channel, which show that its event loop turns, and by HTTP, which shows
// that its listener answers. A suspicion is only reported.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createLineCutter, createLineLimit } from "../../fleet/launchers/output.ts";
import { probe } from "../../fleet/probe.ts";
import type { Log } from "../../telemetry/log.ts";
import { type BrokerSettings, type FromBroker, settingsVariable, type ToBroker } from "../broker/messages.ts";

export interface BrokerProcess {
  readonly pid: number | null;
  send(message: ToBroker): void;
  /** SIGKILL. `onExit` follows, and only then is it gone. */
  kill(): void;
}

export interface BrokerProcessEvents {
  onMessage(message: FromBroker): void;
  onSuspected(reason: string): void;
  /** Once, the last event. */
  onExit(reason: string, end: BrokerEnd): void;
}

/** asked: by somebody's signal, or in order. faulted: what it did in memory ended it. crashed: by itself otherwise. */
export type BrokerEnd = "asked" | "crashed" | "faulted";

/** A broker that says nothing in so many intervals is suspected: between 1.6 and 2 s after it stopped. */
const PING_EVERY_MS = 400;
const SILENT_PINGS_MAX = 4;
const PROBE_EVERY_MS = 1000;
const PROBE_TIMEOUT_MS = 1000;
const MISSED_PROBES_MAX = 3;
/** From the start of the process to its first message. */
const START_DEADLINE_MS = 15_000;
/** Threads besides one for each tablet: LMDB syncs each in a thread of its own. */
const SPARE_THREADS = 8;
const THREADS_MAX = 1024;

/**
 * A broker's heap is small (about 15 MB), but collected often, for the messages that lie beside it: V8's helper threads
 * then cost more than the one that does without them, up to a third of all processor time, on the cores of others.
 */
const V8_FLAGS = ["--single-threaded-gc"];

/** Ends by somebody's wish, not by what the process did. */
const ASKED_SIGNALS: readonly NodeJS.Signals[] = ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"];
/** What a damaged file does to the process that has mapped it, and LMDB's own assertions. */
const FAULT_SIGNALS: readonly NodeJS.Signals[] = ["SIGBUS", "SIGSEGV", "SIGABRT"];

const program = fileURLToPath(new URL("../broker/main.js", import.meta.url));

export function startBrokerProcess(
  settings: BrokerSettings,
  tabletCount: number,
  log: Log,
  events: BrokerProcessEvents,
): BrokerProcess {
  const child = spawn(process.execPath, [...process.execArgv.filter(isForChildren), ...V8_FLAGS, program], {
    env: {
      ...process.env,
      [settingsVariable]: JSON.stringify(settings),
      UV_THREADPOOL_SIZE: String(Math.min(THREADS_MAX, tabletCount + SPARE_THREADS)),
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A process group of its own: our terminal's Ctrl-C does not reach it, so that it can be stopped in order.
    detached: true,
    windowsHide: true,
  });
  let over = false;
  let silentPings = 0;
  let missedProbes = 0;
  const pingTimer = setInterval(ping, PING_EVERY_MS);
  let probeTimer: NodeJS.Timeout | undefined;
  const startTimer = setTimeout(
    () => events.onSuspected(`it did not report within ${START_DEADLINE_MS} ms`),
    START_DEADLINE_MS,
  );

  function ended(reason: string, end: BrokerEnd): void {
    if (over) return;
    over = true;
    clearInterval(pingTimer);
    clearInterval(probeTimer);
    clearTimeout(startTimer);
    events.onExit(reason, end);
  }

  function ping(): void {
    // Counted in our own ticks and not by the clock: when we were held up, its answers wait for us to read them.
    if (probeTimer !== undefined && ++silentPings > SILENT_PINGS_MAX) {
      events.onSuspected(`it has been silent for ${SILENT_PINGS_MAX * PING_EVERY_MS} ms`);
    }
    send({ kind: "ping" });
  }

  async function look(host: string, port: number): Promise<void> {
    const result = await probe(
      { host, port },
      { kind: "http", path: "/heartbeat", expect: "below-500", timeoutMs: PROBE_TIMEOUT_MS },
    );
    if (over || (!result.alive && result.ours)) return;
    missedProbes = result.alive ? 0 : missedProbes + 1;
    if (result.alive || missedProbes < MISSED_PROBES_MAX) return;
    events.onSuspected(`${MISSED_PROBES_MAX} heartbeats missed: ${result.reason}`);
  }

  function send(message: ToBroker): void {
    if (child.connected) child.send(message, () => {});
  }

  child.on("message", (message: FromBroker) => {
    if (over) return;
    silentPings = 0;
    if (message.kind === "ready") {
      clearTimeout(startTimer);
      probeTimer = setInterval(look, PROBE_EVERY_MS, message.host, message.port);
    }
    events.onMessage(message);
  });
  child.on("exit", (code, signal) => {
    const reason = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    ended(reason, endOf(code, signal));
  });
  child.on("error", (error) => {
    if (child.pid === undefined) ended(`could not be run: ${error.message}`, "asked");
  });
  pipeOutput(child, settings.name, log);

  return {
    pid: child.pid ?? null,
    send,
    kill: () => void child.kill("SIGKILL"),
  };
}

function endOf(code: number | null, signal: NodeJS.Signals | null): BrokerEnd {
  if (signal === null) return code === 0 ? "asked" : "crashed";
  if (FAULT_SIGNALS.includes(signal)) return "faulted";
  return ASKED_SIGNALS.includes(signal) ? "asked" : "crashed";
}

/** What the runtime was told for itself is told to brokers too, but for what concerns a test run. */
const isForChildren = (argument: string): boolean => !argument.startsWith("--test");

function pipeOutput(child: ChildProcess, broker: string, log: Log): void {
  for (const stream of ["stdout", "stderr"] as const) {
    const limit = createLineLimit((line) => log.info({ broker, stream }, line), Date.now);
    const lines = createLineCutter(limit);
    child[stream]?.on("data", (chunk: Buffer) => lines.feed(chunk));
    child[stream]?.on("close", () => lines.end()).on("error", () => {});
  }
}
