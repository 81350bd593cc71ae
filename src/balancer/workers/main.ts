// A worker: one more process with a data plane, behind the same port. It has no control plane: what changes is told by
// the process that started it, and when that one is gone, so is the worker.
import cluster from "node:cluster";
import type { Replica } from "../../fleet/fleet.ts";
import { createDataPlane, type DataPlane, type DataPlaneParts } from "../data-plane.ts";
import { createKeyErrors } from "../key-errors.ts";
import { openLog } from "../open-log.ts";
import { type FrontDoorSettings, settleOptions } from "../options.ts";
import { frontPortRouting } from "../queue-route.ts";
import { createQueueUpstreams, type QueueUpstreams } from "../queue-upstreams.ts";
import type { FromWorker, Opening, ToWorker, WorkerReading } from "./messages.ts";
import { createMirror, type Mirror } from "./mirror.ts";
import { fromPortable } from "./portable-config.ts";

/** How often it is said how many exchanges a replica that has left the ring still has. In ms. */
const countEveryMs = 25;

interface Worker {
  readonly dataPlane: DataPlane;
  readonly mirror: Mirror;
  /** Null: there is no queue. */
  readonly brokers: QueueUpstreams | null;
  readonly configure: (message: Extract<ToWorker, { type: "configure" }>) => void;
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

async function open(opening: Opening): Promise<Worker> {
  const config = await fromPortable(opening);
  const log = openLog(config);
  const keyErrors = createKeyErrors(log);
  const settings = settleOptions(config, keyErrors.note);
  const mirror = createMirror((name, gone = false) => send({ type: "suspect", name, gone }));
  const { controlPath, host } = opening;
  const brokers = opening.queue === null ? null : createQueueUpstreams(opening.queue.desk);
  if (opening.queue !== null) brokers?.apply(opening.queue.map);
  const queue = queuePart(settings, brokers);
  const wake = () => send({ type: "wake" });
  const dataPlane = createDataPlane({ settings, fleet: mirror, log, keyErrors, controlPath, queue, wake });
  mirror.start(opening.served);
  dataPlane.table.steer(opening.steering);
  const ports: number[] = [];
  for (const { port, kind } of opening.ports) ports.push(await dataPlane.listen(host, port, kind));
  if (opening.begun) dataPlane.begin();
  send({ type: "ready", ports });
  return {
    dataPlane,
    mirror,
    brokers,
    configure: (message) => {
      const functions = Object.fromEntries(opening.functions.map((name) => [name, config[name]]));
      dataPlane.reconfigure(settleOptions({ ...message.config, ...functions }, keyErrors.note));
      log.setLevel(message.config.log?.level ?? "info");
    },
  };
}

function queuePart(
  { queue, policy }: FrontDoorSettings,
  brokers: QueueUpstreams | null,
): DataPlaneParts["queue"] {
  if (queue === null || brokers === null) return null;
  return { onFrontPort: (routing) => frontPortRouting(routing, brokers, queue, policy) };
}

/** It has left the ring: what it still has here is told until nothing is left. */
function watchLeaver(dataPlane: DataPlane, name: string): void {
  const inFlight = dataPlane.table.inFlightOf(name);
  send({ type: "left", name, inFlight });
  if (inFlight > 0) setTimeout(watchLeaver, countEveryMs, dataPlane, name);
}

function follow(worker: Worker, replica: Replica, message: Extract<ToWorker, { type: "change" }>): void {
  worker.mirror.take(replica, message.now);
  if (replica.state === "draining") watchLeaver(worker.dataPlane, replica.name);
}

function read({ dataPlane, mirror }: Worker): WorkerReading {
  const names = mirror.serving().map(({ name }) => name);
  const conditions = names.flatMap((name) => {
    const condition = dataPlane.conditionOf(name);
    return condition === null ? [] : [[name, condition] as const];
  });
  const { user, system } = process.cpuUsage();
  return {
    dataPlane: dataPlane.read(),
    inFlight: new Map(names.map((name) => [name, dataPlane.table.inFlightOf(name)])),
    conditions: new Map(conditions),
    hotKeys: dataPlane.hotKeys(hotKeysTold),
    residentBytes: process.memoryUsage.rss(),
    cpuS: (user + system) / 1e6,
  };
}

const hotKeysTold = 100;
let leaving = false;

async function leave(worker: Worker, deadlineMs: number): Promise<void> {
  if (leaving) return void worker.dataPlane.drain(deadlineMs);
  leaving = true;
  await worker.dataPlane.stopAccepting(deadlineMs);
  await worker.dataPlane.drain(deadlineMs);
  process.send?.({ type: "reading", reading: read(worker) } satisfies FromWorker, undefined, undefined, () =>
    process.exit(0),
  );
}

function obey(worker: Worker, message: ToWorker): void {
  switch (message.type) {
    case "begin":
      worker.dataPlane.begin();
      break;
    case "change":
      follow(worker, message.replica, message);
      break;
    case "steer":
      worker.dataPlane.table.steer(message.steering);
      break;
    case "configure":
      worker.configure(message);
      break;
    case "certificates":
      worker.dataPlane.useCertificates(message.certificates);
      break;
    case "queue":
      worker.brokers?.apply(message.map);
      break;
    case "reopen-log":
      worker.dataPlane.reopenLog();
      break;
    case "read":
      send({ type: "reading", reading: read(worker) });
      break;
    case "leave":
      void leave(worker, message.deadlineMs);
      break;
  }
}

/** Messages that come while it opens are obeyed afterwards, in order. */
function run(): void {
  let worker: Worker | null = null;
  const early: ToWorker[] = [];
  process.on("message", (message: ToWorker) => {
    if (message.type === "open") void begin(message.opening);
    else if (worker === null) early.push(message);
    else obey(worker, message);
  });

  send({ type: "hello" });

  async function begin(opening: Opening): Promise<void> {
    try {
      worker = await open(opening);
      for (const message of early.splice(0)) obey(worker, message);
    } catch (error) {
      const { message, code = null } = error as Error & { code?: string };
      process.send?.({ type: "failed", message, code } satisfies FromWorker, undefined, undefined, () =>
        process.exit(1),
      );
    }
  }
}

if (cluster.isWorker) {
  // A terminal's Ctrl-C reaches every process of its group; when a worker leaves is the control plane's to say.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  process.on("disconnect", () => process.exit(1));
  run();
}
