// The front door: joins the ring, the fleet and the data plane, and owns the listeners. What a request meets is
// route.ts; what changes with the fleet is routing-table.ts; what people call to change it is control-api.ts.
//
//   start: control API → listen (sockets wait) → admin listener → replicas → sockets go to the data plane
//   stop:  shutdown.ts
import type { Fleet } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import { latencyBucketsS } from "../proxy/upstream.ts";
import { createAdmin } from "../telemetry/admin.ts";
import type { OwnedLog } from "../telemetry/log.ts";
import { createMetricsPage } from "../telemetry/metrics.ts";
import { type AdminApiParts, adminApi, type StatusReport, statusReport } from "./admin-api.ts";
import { createReload, type ReloadReport, type Running } from "./apply-config.ts";
import { createControlApi } from "./control-api.ts";
import { makeControlSocket } from "./control-socket.ts";
import { createDataPlane, type DataPlane } from "./data-plane.ts";
import { savedChanges } from "./desired-state.ts";
import { createKeptFleet } from "./kept-fleet.ts";
import { createKeyErrors } from "./key-errors.ts";
import { readMetrics } from "./metrics-reading.ts";
import { type FrontDoorOptions, settleOptions } from "./options.ts";
import { createShutdown } from "./shutdown.ts";
import { slowlyStarting } from "./slow-fleet.ts";

export type { FrontDoorOptions } from "./options.ts";

export interface FrontDoor {
  readonly host: string;
  readonly port: number;
  /** Where the admin listener is, or null when it is off. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  /** Resolves when every first replica is healthy or has failed once, or after 5 s; requests wait until then. */
  readonly settled: Promise<void>;
  readonly fleet: Fleet;
  status(): StatusReport;
  /** Reads the configuration anew and applies it whole, or rejects with the reason and changes nothing. */
  reload(): Promise<ReloadReport>;
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
    const { fleet, state } = createKeptFleet(options, settings.ringCapacity, parts, () => house.config);
    open[0] = () => fleet.stop(0);
    const house: Running = { ...parts, config: options, settings, fleet, state, keyErrors };
    return await openHouse(house, open);
  } catch (error) {
    for (const close of open.reverse()) await close();
    throw error;
  }
}

/** How to close what has been opened, in the order of opening. */
type Opened = (() => Promise<void> | void)[];

async function openHouse(house: Running, open: Opened): Promise<FrontDoor> {
  const { fleet, log, state, settings, keyErrors } = house;
  await state.save(); // what cannot be kept is known before anything starts
  const controlPath = await openControl(house, () => shutdown.closing, open);
  const served = slowlyStarting(fleet, settings.slowStartMs);
  open.push(served.close);
  const dataPlane = createDataPlane({ settings, fleet: served, log, keyErrors, controlPath });
  const { table } = dataPlane;
  fleet.setInFlightOf(table.inFlightOf);
  fleet.onChange(state.note);
  open.push(dataPlane.close);
  const shutdown = createShutdown({
    lameDuckMs: () => house.settings.lameDuckMs,
    stopAccepting: dataPlane.stopAccepting,
    drain: dataPlane.drain,
    stopReplicas: async (deadlineMs) => {
      await state.end();
      await fleet.stop(deadlineMs);
    },
    closeRest: async () => {
      open.shift(); // the fleet, which is stopped
      for (const close of open.reverse()) await close();
      await log.flush().catch(() => {});
    },
  });
  const port = await dataPlane.listen(settings.host, settings.port);
  const reload = createReload(house, {
    closing: () => shutdown.closing,
    reconfigure: dataPlane.reconfigure,
  });
  const report: AdminApiParts = {
    fleet,
    table,
    routingPolicy: settings.routingPolicy,
    counters: () => dataPlane.read().hashing,
    hotKeys: dataPlane.hotKeys,
    conditionOf: dataPlane.conditionOf,
    reload,
    get key() {
      return house.settings.keyText;
    },
    get policy() {
      return house.settings.policy;
    },
  };
  const ready = () => !shutdown.closing && table.current.replicas.length > 0;
  const admin = await openAdmin(house, dataPlane, report, ready, open);
  const settled = startFleet(fleet, log).then(() => {
    served.begin();
    dataPlane.begin();
  });
  return {
    host: settings.host,
    port,
    admin,
    settled,
    fleet,
    status: () => statusReport(report),
    reload,
    close: (deadlineMs = house.settings.drainMs) => shutdown.close(deadlineMs),
  };
}

/** Gives the Unix socket on which the control API listens, or null when it is off. */
async function openControl(house: Running, closing: () => boolean, open: Opened): Promise<string | null> {
  const { settings, fleet, state } = house;
  if (!settings.control) return null;
  const socket = await makeControlSocket();
  open.push(socket.remove);
  const api = await createControlApi({
    path: socket.path,
    fleet: savedChanges(fleet, state),
    closing,
    get policy() {
      return house.settings.policy;
    },
  });
  open.push(api.close);
  return socket.path;
}

async function openAdmin(
  house: Running,
  dataPlane: DataPlane,
  report: AdminApiParts,
  ready: () => boolean,
  open: Opened,
): Promise<FrontDoor["admin"]> {
  const { settings, fleet } = house;
  if (settings.admin === null) return null;
  const metrics = createMetricsPage(() => readMetrics(fleet, dataPlane), latencyBucketsS);
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
