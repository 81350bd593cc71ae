// The front door: joins the ring, the fleet and the data plane, and owns the listeners. What a request meets is
// route.ts; what changes with the fleet is routing-table.ts; what people call to change it is control-api.ts; what
// operators see is admin-listener.ts.
//
//   start: control API → queue, if any → listen (sockets wait) → admin listener → replicas → sockets are served
//   stop:  shutdown.ts

import type { Fleet } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import type { OwnedLog } from "../telemetry/log.ts";
import { type StatusReport, statusReport } from "./admin-api.ts";
import { openAdmin, reportOf } from "./admin-listener.ts";
import { createReload, type ReloadReport, type Running } from "./apply-config.ts";
import { type CertificateKeeper, keepCertificates } from "./certificates.ts";
import { createChangeQueue } from "./change-queue.ts";
import { createControlApi } from "./control-api.ts";
import { makeControlSocket } from "./control-socket.ts";
import { createDataPlane, type DataPlane } from "./data-plane.ts";
import { createKeptFleet, type KeptFleet } from "./kept-fleet.ts";
import { createKeyErrors } from "./key-errors.ts";
import { type FrontDoorOptions, type FrontDoorSettings, settleOptions } from "./options.ts";
import type { QueueHouse } from "./queue-house.ts";
import { keepRecords } from "./records.ts";
import { type ChangeReplicas, createReplicaChanges } from "./replica-changes.ts";
import { faultIn } from "./replica-condition.ts";
import { changedByHand, scaleWithLoad } from "./scaled-fleet.ts";
import { createShutdown } from "./shutdown.ts";
import { slowlyStarting } from "./slow-fleet.ts";
import type { Crew, CrewParts } from "./workers/crew.ts";

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
  /** Reads the configuration anew and applies it whole, or rejects with the reason and changes nothing. */
  reload(): Promise<ReloadReport>;
  /** Opens the access log's file anew, after a rotation has moved it away. */
  reopenLog(): void;
  /**
   * Stops in order (see shutdown.ts); draining, and then stopping the replicas, take at most `deadlineMs` each
   * (default: `drainMs`). A second call hurries the first; 0 ends everything at once.
   */
  close(deadlineMs?: number): Promise<void>;
}

/** How long accepted sockets wait for the first replicas, in ms. */
const holdMs = 5_000;

/** What the command line makes of the configuration before the front door can be opened. */
export interface FrontDoorParts {
  readonly launcher: Launcher;
  readonly log: OwnedLog;
  /** The config file that was read; workers take functions from it. */
  readonly configFile?: string | undefined;
  /** Reads the configuration again, as it was read for {@link createFrontDoor}; for a reload. */
  readonly readConfig: () => Promise<FrontDoorOptions>;
}

/**
 * Opens the front door and starts its replicas. Resolves when it listens; rejects with PORT_IN_USE or BAD_CONFIG, and
 * then nothing is left open or running.
 */
export async function createFrontDoor(options: FrontDoorOptions, parts: FrontDoorParts): Promise<FrontDoor> {
  const { launcher, log } = parts;
  const open: Opened = [() => launcher.close()];
  try {
    const keyErrors = createKeyErrors(log);
    const settings = settleOptions(options, keyErrors.note);
    const kept = createKeptFleet(options, settings.ringCapacity, parts, () => house.config);
    const { fleet, state } = kept;
    open[0] = () => fleet.stop(0);
    const inTurn = createChangeQueue();
    const house: Running = { ...parts, config: options, settings, fleet, state, keyErrors, inTurn };
    return await openHouse(house, kept, open);
  } catch (error) {
    for (const close of open.reverse()) await close();
    throw error;
  }
}

/** How to close what has been opened, in the order of opening. */
type Opened = (() => Promise<void> | void)[];

async function openHouse(house: Running, kept: KeptFleet, open: Opened): Promise<FrontDoor> {
  const { fleet, log, state, settings, keyErrors } = house;
  await state.save(); // what cannot be kept is known before anything starts
  const change = createReplicaChanges(changedByHand(house), house.inTurn, () => shutdown.closing);
  const controlPath = await openControl(house, change, open);
  const queue = await openQueue(house, open);
  const served = slowlyStarting(fleet, settings.slowStartMs);
  open.push(served.close);
  const shared = { fleet: served, controlPath, queue, wake: () => autoscaler.wake() };
  const crew = await openCrew(house, shared);
  const dataPlane = crew ?? createDataPlane({ settings, log, keyErrors, ...shared });
  const { table } = dataPlane;
  fleet.setInFlightOf(table.inFlightOf);
  fleet.setFaultOf((name) => faultIn(dataPlane.conditionOf(name)));
  fleet.onChange(state.note);
  fleet.onRollout(state.note);
  if (kept.steering !== null && settings.routingPolicy === "hash") table.steer(kept.steering);
  kept.steeredBy(table);
  open.push(dataPlane.close);
  const { launcher } = house;
  const records = keepRecords({ fleet, launcher, dataPlane, gather: crew?.gather, queue, log });
  open.push(records.close);
  const shutdown = shutdownOf(house, dataPlane, queue, open);
  const autoscaler = scaleWithLoad(house, dataPlane, crew, () => shutdown.closing);
  open.push(autoscaler.close);
  const ports = await listen(settings, dataPlane);
  records.begin();
  const certificates =
    settings.tls === null
      ? null
      : keepCertificates(settings.tls.certificates, dataPlane.useCertificates, log);
  const reload = createReload(house, {
    closing: () => shutdown.closing,
    reconfigure: async (next) => {
      await dataPlane.reconfigure(next);
      autoscaler.reconfigure(next.autoscale);
      certificates?.reload();
    },
  });
  const report = reportOf(house, { dataPlane, crew, records, autoscaler, change, reload, certificates });
  // At rest with no replicas it serves too: whoever asks is held until one has started.
  const atRest = () => house.settings.autoscale?.room != null && fleet.desired().length === 0;
  const serves = () => table.current.replicas.length > 0 || atRest();
  const ready = () => !shutdown.closing && serves() && (queue?.ready() ?? true);
  const shown = { dataPlane, autoscaler, gather: crew?.gather, queue, report, ready };
  const admin = await openAdmin(house, shown, open);
  const settled = startFleet(fleet, log).then(() => {
    served.begin();
    dataPlane.begin();
    autoscaler.begin();
  });
  return {
    host: settings.host,
    ...ports,
    certificates,
    admin,
    queue: queue?.ports ?? null,
    settled,
    fleet,
    status: () => statusReport(report),
    reload,
    reopenLog: dataPlane.reopenLog,
    close: (deadlineMs = house.settings.drainMs) => shutdown.close(deadlineMs),
  };
}

/** What ends first, and what last. */
function shutdownOf(
  house: Running,
  dataPlane: DataPlane,
  queue: QueueHouse | null,
  open: Opened,
): ReturnType<typeof createShutdown> {
  const { fleet, log, state } = house;
  return createShutdown({
    lameDuckMs: () => house.settings.lameDuckMs,
    stopAccepting: dataPlane.stopAccepting,
    drain: async (deadlineMs) => {
      await Promise.all([dataPlane.drain(deadlineMs), queue?.drain(deadlineMs)]);
    },
    stopReplicas: async (deadlineMs) => {
      await state.end();
      await Promise.all([fleet.stop(deadlineMs), queue?.close(deadlineMs)]);
    },
    closeRest: async () => {
      open.shift(); // the fleet, which is stopped
      for (const close of open.reverse()) await close();
      await log.flush().catch(() => {});
    },
  });
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
async function openControl(house: Running, change: ChangeReplicas, open: Opened): Promise<string | null> {
  const { settings, fleet } = house;
  if (!settings.control) return null;
  const socket = await makeControlSocket();
  open.push(socket.remove);
  const api = await createControlApi({
    path: socket.path,
    fleet,
    change,
    get policy() {
      return house.settings.policy;
    },
  });
  open.push(api.close);
  return socket.path;
}

/** The workers, or null when this process serves by itself; what they need is not even loaded then. */
async function openCrew(
  house: Running,
  shared: Pick<CrewParts, "fleet" | "controlPath" | "wake"> & { queue: QueueHouse | null },
): Promise<Crew | null> {
  const { settings, configFile, log } = house;
  if (settings.workers === 1) return null;
  const { createCrew } = await import("./workers/crew.ts");
  const config = () => house.config;
  return createCrew({ size: settings.workers, config, configFile, settings, ...shared, log });
}

/** The queue, or null when there is none; its store is not even loaded then. */
async function openQueue({ settings, log }: Running, open: Opened): Promise<QueueHouse | null> {
  if (settings.queue === null) return null;
  const { openQueueHouse } = await import("./queue-house.ts");
  const queue = await openQueueHouse({ queue: settings.queue, settings, log });
  open.push(() => queue.close(0));
  return queue;
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
