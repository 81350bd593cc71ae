// The load generator for latency: an open loop. Requests fall due on a fixed schedule and a request's latency runs
// from the moment it was due, so a proxy that stalls is charged for everything that had to wait (no coordinated
// omission). Runs as a process of its own:
//
//   tsx steady-client.ts '{"port":…,"path":"/small","uriCount":4096,"ratePerS":5000,"seconds":5,…}'
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

export interface SteadySettings {
  readonly port: number;
  readonly folder: string;
  readonly uriCount: number;
  readonly answerBytes: number;
  readonly ratePerS: number;
  readonly seconds: number;
  /** Answers in this first part are not counted: connections and code are cold. */
  readonly warmupSeconds: number;
  readonly connections: number;
}

export interface SteadyResult {
  readonly requests: number;
  readonly failures: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Requests that found every connection busy when they fell due. */
  readonly waited: number;
}

/** Requests fall due in small groups, one group per tick. */
const tickMs = 0.25;

interface Client {
  readonly socket: Socket;
  /** When the request under way was due (performance.now), or 0 when idle. */
  dueMs: number;
  /** Bytes of the answer that are still to come, or −1 before its head. */
  bytesLeft: number;
}

const settings = JSON.parse(process.argv[2] ?? "{}") as SteadySettings;
const requests = Array.from({ length: settings.uriCount }, (_, index) =>
  Buffer.from(
    `GET /${settings.folder}/item-${index + 1} HTTP/1.1\r\nHost: 127.0.0.1:${settings.port}\r\n` +
      "User-Agent: steady\r\nAccept: */*\r\n\r\n",
    "latin1",
  ),
);
const latenciesMs = new Float64Array(Math.ceil(settings.ratePerS * settings.seconds) + 16);
const idle: Client[] = [];
const overdueMs: number[] = [];
let overdueHead = 0;
let measured = 0;
let sent = 0;
let waited = 0;
let failures = 0;
let countFromMs = 0;

function send(client: Client, dueMs: number): void {
  client.dueMs = dueMs;
  client.bytesLeft = -1;
  client.socket.write(requests[sent++ % requests.length] as Buffer);
}

function finish(client: Client): void {
  if (client.dueMs >= countFromMs && measured < latenciesMs.length) {
    latenciesMs[measured++] = performance.now() - client.dueMs;
  }
  client.dueMs = 0;
  if (overdueHead < overdueMs.length) send(client, overdueMs[overdueHead++] as number);
  else idle.push(client);
}

/** Takes a piece of an answer. The heads here are small and come whole; anything else counts as a failure. */
function receive(client: Client, piece: Buffer): void {
  let bodyBytes = piece.length;
  if (client.bytesLeft < 0) {
    const headEnd = piece.indexOf("\r\n\r\n");
    const head = piece.toString("latin1", 0, Math.max(0, headEnd));
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1]);
    if (!head.startsWith("HTTP/1.1 200") || length !== settings.answerBytes) failures++;
    client.bytesLeft = settings.answerBytes;
    bodyBytes -= headEnd + 4;
  }
  client.bytesLeft -= bodyBytes;
  if (client.bytesLeft <= 0) finish(client);
}

function openClient(): Promise<void> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafe(65_536);
    const socket = connect({
      host: "127.0.0.1",
      port: settings.port,
      noDelay: true,
      onread: {
        buffer,
        callback: (bytes) => {
          receive(client, buffer.subarray(0, bytes));
          return true;
        },
      },
    });
    const client: Client = { socket, dueMs: 0, bytesLeft: -1 };
    socket.once("connect", () => {
      idle.push(client);
      resolve();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      failures++;
      reject(new Error("the proxy closed a connection"));
    });
  });
}

/** Everything that fell due since the last tick goes out now, on the connection that was idle longest. */
function onTick(tick: number, startMs: number): void {
  const dueMs = startMs + tick * tickMs;
  const perTick = (settings.ratePerS * tickMs) / 1000;
  const due = Math.floor(tick * perTick) - Math.floor((tick - 1) * perTick);
  for (let i = 0; i < due; i++) {
    const client = idle.shift();
    if (client) send(client, dueMs);
    else {
      waited++;
      overdueMs.push(dueMs);
    }
  }
}

function result(): SteadyResult {
  const sorted = latenciesMs.subarray(0, measured).sort();
  const at = (share: number) => sorted[Math.min(measured - 1, Math.floor(measured * share))] ?? Number.NaN;
  const unanswered = overdueMs.length - overdueHead + (settings.connections - idle.length);
  return {
    requests: measured,
    failures: failures + unanswered,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
    waited,
  };
}

for (let i = 0; i < settings.connections; i++) await openClient();
const ticks = Math.round((settings.seconds * 1000) / tickMs);
const ticker = new Worker(new URL("./steady-ticker.mjs", import.meta.url), {
  workerData: { tickMs, ticks },
  execArgv: [],
});
let startMs = 0;
ticker.on("message", (message: { startMs?: number; tick?: number }) => {
  if (message.tick !== undefined) return onTick(message.tick, startMs);
  startMs = (message.startMs ?? 0) - performance.timeOrigin;
  countFromMs = startMs + settings.warmupSeconds * 1000;
});
await new Promise((resolve) => ticker.once("exit", resolve));
// What is still under way has up to 2 s to come back; the rest counts as failed.
const patienceMs = performance.now() + 2000;
while (idle.length < settings.connections && performance.now() < patienceMs) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(JSON.stringify(result()));
process.exit(0);
