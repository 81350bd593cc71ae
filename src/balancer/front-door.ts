// The front door: joins the ring, the fleet and the data plane, and owns the listeners. What a request meets is
// route.ts; what changes with the fleet is routing-table.ts; what people call to change it is control-api.ts.
//
//   start: control API → queue, if any → listen (sockets wait) → admin listener → replicas → sockets are served
//   stop:  no new connections, /readyz 503 → requests under way finish → replicas and brokers stop → listeners close
import { createFleet } from "../fleet/create-fleet.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import { latencyBucketsS } from "../proxy/upstream.ts";
import { createAdmin } from "../telemetry/admin.ts";
import type { OwnedLog } from "../telemetry/log.ts";
import { createMetricsPage } from "../telemetry/metrics.ts";
import { type AdminApiParts, adminApi, type StatusReport, statusReport } from "./admin-api.ts";
import { type CertificateKeeper, keepCertificates } from "./certificates.ts";
import { createControlApi } from "./control-api.ts";
import { makeControlSocket } from "./control-socket.ts";
import { createDataPlane, type DataPlane } from "./data-plane.ts";
import { fleetOptions } from "./fleet-options.ts";
import { createKeyErrors, type KeyErrors } from "./key-errors.ts";
import { readMetrics } from "./metrics-reading.ts";
import { type FrontDoorOptions, type FrontDoorSettings, settleOptions } from "./options.ts";
import type { QueueHouse } from "./queue-house.ts";
import { slowlyStarting } from "./slow-fleet.ts";

export type { FrontDoorOptions } from "./options.ts";

export interface FrontDoor {
  readonly host: string;
  readonly port: number;
  /** The port that speaks TLS, which may be {@link port} itself; null: none does. */
  readonly tlsPort: number | null;
  /** The certificates in use, and how to read them anew; null without TLS. */
  readonly certificates: CertificateKeeper | null;
  /** Where the admin listener is, or null when it is off. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  /** Resolves when every first replica is healthy or has failed once, or after 5 s; requests wait until then. */
  readonly settled: Promise<void>;
  /** Ports of the queue's listeners, or null when there is no queue. */
  readonly queue: QueueHouse["ports"] | null;
  readonly fleet: Fleet;
  status(): StatusReport;
  /** Opens the access log's file anew, after a rotation has moved it away. */
  reopenLog(): void;
  /**
   * Stops in order; draining, and then stopping the replicas, take at most `deadlineMs` each (default: `drainMs`).
   * A second call with a shorter deadline hurries the first; 0 ends everything at once.
   */
  close(deadlineMs?: number): Promise<void>;
}

/** How long accepted sockets wait for the first replicas, in ms. */
const holdMs = 5_000;

/** What the command line makes of the configuration before the front door can be opened. */
export interface FrontDoorParts {
  readonly launcher: Launcher;
  readonly log: OwnedLog;
}

/**
 * Opens the front door and starts its replicas. Resolves when it listens; rejects with PORT_IN_USE or BAD_CONFIG, and
 * then nothing is left open or running.
 */
export async function createFrontDoor(
  options: FrontDoorOptions,
  { launcher, log }: FrontDoorParts,
): Promise<FrontDoor> {
  const open: Opened = [() => launcher.close()];
  try {
    const keyErrors = createKeyErrors(log);
    const settings = settleOptions(options, keyErrors.note);
    const fleet = createFleet(fleetOptions(options, settings.ringCapacity, { launcher, log }));
    open[0] = () => fleet.stop(0);
    return await openHouse({ settings, fleet, log, keyErrors }, open);
  } catch (error) {
    for (const close of open.reverse()) await close();
    throw error;
  }
}

/** The parts that exist before anything is opened. */
interface House {
  readonly settings: FrontDoorSettings;
  readonly fleet: Fleet;
  readonly log: OwnedLog;
  readonly keyErrors: KeyErrors;
}

/** How to close what has been opened, in the order of opening. */
type Opened = (() => Promise<void> | void)[];

async function openHouse(house: House, open: Opened): Promise<FrontDoor> {
  const { settings, fleet, log } = house;
  let closing = false;
  const controlPath = await openControl(house, () => closing, open);
  const queue = await openQueue(house, open);
  const served = slowlyStarting(fleet, settings.slowStartMs);
  open.push(served.close);
  const dataPlane = createDataPlane({ ...house, fleet: served, controlPath, queue });
  const { table } = dataPlane;
  fleet.setInFlightOf(table.inFlightOf);
  open.push(dataPlane.close);
  const ports = await listen(settings, dataPlane);
  const certificates =
    settings.tls === null
      ? null
      : keepCertificates(settings.tls.certificates, dataPlane.useCertificates, log);
  const report: AdminApiParts = {
    fleet,
    table,
    routingPolicy: settings.routingPolicy,
    counters: () => dataPlane.read().hashing,
    hotKeys: dataPlane.hotKeys,
    conditionOf: dataPlane.conditionOf,
    key: settings.keyText,
    policy: settings.policy,
    certificates,
  };
  const ready = () => !closing && table.current.replicas.length > 0 && (queue?.ready() ?? true);
  const admin = await openAdmin(house, { dataPlane, queue, report, ready }, open);
  const settled = startFleet(fleet, log).then(() => {
    served.begin();
    dataPlane.begin();
  });

  let patienceMs = settings.drainMs;
  let closed: Promise<void> | null = null;
  let hurry = () => {};
  async function shutDown(): Promise<void> {
    closing = true;
    dataPlane.stopAccepting();
    const drain = () => Promise.all([dataPlane.drain(patienceMs), queue?.drain(patienceMs)]);
    hurry = () => void drain();
    await drain();
    const stop = () => Promise.all([fleet.stop(patienceMs), queue?.close(patienceMs)]);
    hurry = () => void stop();
    await stop();
    open.shift(); // the fleet, which is stopped
    for (const close of open.reverse()) await close();
    await log.flush().catch(() => {});
  }
  return {
    host: settings.host,
    ...ports,
    certificates,
    admin,
    queue: queue?.ports ?? null,
    settled,
    fleet,
    status: () => statusReport(report),
    reopenLog: dataPlane.reopenLog,
    close: (deadlineMs = settings.drainMs) => {
      patienceMs = closed === null ? deadlineMs : Math.min(patienceMs, deadlineMs);
      if (closed === null) closed = shutDown();
      else hurry();
      return closed;
    },
  };
}

/** With certificates the front port speaks TLS, unless that has a port of its own. */
async function listen(
  { host, port, tls }: FrontDoorSettings,
  dataPlane: DataPlane,
): Promise<{ port: number; tlsPort: number | null }> {
  const alone = tls?.port === null;
  const front = await dataPlane.listen(host, port, alone ? "tls" : "plain");
  if (tls === null) return { port: front, tlsPort: null };
  return { port: front, tlsPort: tls.port === null ? front : await dataPlane.listen(host, tls.port, "tls") };
}

/** Gives the Unix socket on which the control API listens, or null when it is off. */
async function openControl(house: House, closing: () => boolean, open: Opened): Promise<string | null> {
  const { settings, fleet } = house;
  if (!settings.control) return null;
  const socket = await makeControlSocket();
  open.push(socket.remove);
  const api = await createControlApi({ path: socket.path, fleet, policy: settings.policy, closing });
  open.push(api.close);
  return socket.path;
}

/** The queue, or null when there is none; its store is not even loaded then. */
async function openQueue({ settings, log }: House, open: Opened): Promise<QueueHouse | null> {
  if (settings.queue === null) return null;
  const { openQueueHouse } = await import("./queue-house.ts");
  const queue = await openQueueHouse({ queue: settings.queue, settings, log });
  open.push(() => queue.close(0));
  return queue;
}

/** What the admin listener shows. */
interface Shown {
  readonly dataPlane: DataPlane;
  readonly queue: QueueHouse | null;
  readonly report: AdminApiParts;
  readonly ready: () => boolean;
}

async function openAdmin(
  { settings, fleet }: House,
  { dataPlane, queue, report, ready }: Shown,
  open: Opened,
): Promise<FrontDoor["admin"]> {
  if (settings.admin === null) return null;
  const metrics = createMetricsPage(() => readMetrics(fleet, dataPlane), latencyBucketsS, queue?.metrics);
  const admin = await createAdmin({ ...settings.admin, metrics, ready, routes: adminApi(report) });
  open.push(admin.close);
  return { host: admin.host, port: admin.port };
}

async function startFleet(fleet: Fleet, log: OwnedLog): Promise<void> {
  const started = fleet.start().catch((error: Error) => {
    log.error({ event: "fleet" }, `The replicas could not be started: ${error.message}`);
  });
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, holdMs);
  });
  await Promise.race([started, patience]);
  clearTimeout(timer);
}
