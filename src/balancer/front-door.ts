// The front door: joins the ring, the fleet and the data plane, and owns the listeners. What a request meets is
// route.ts; what changes with the fleet is routing-table.ts; what people call to change it is control-api.ts.
//
//   start: listen (sockets wait) → control API → admin listener → replicas → sockets go to the data plane
//   stop:  no new connections, /readyz 503 → requests under way finish → replicas stop → listeners close
import { createFleet } from "../fleet/create-fleet.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Launcher } from "../fleet/launcher.ts";
import { createProxy, type Proxy as DataPlane } from "../proxy/proxy.ts";
import type { ProxyObserver } from "../proxy/routing.ts";
import { createUpstream, latencyBucketsS, type Upstream } from "../proxy/upstream.ts";
import { warmUp } from "../ring/ring.ts";
import { createAdmin } from "../telemetry/admin.ts";
import type { OwnedLog } from "../telemetry/log.ts";
import { createMetricsPage } from "../telemetry/metrics.ts";
import { createTrafficLedger, type TrafficLedger } from "../telemetry/traffic.ts";
import { type AdminApiParts, adminApi, type StatusReport, statusReport } from "./admin-api.ts";
import { createControlApi } from "./control-api.ts";
import { makeControlSocket } from "./control-socket.ts";
import { createEjector, type Ejector } from "./ejector.ts";
import { fleetOptions } from "./fleet-options.ts";
import { createKeyErrors, type KeyErrors } from "./key-errors.ts";
import { openListener } from "./listener.ts";
import { readMetrics } from "./metrics-reading.ts";
import { type FrontDoorOptions, type FrontDoorSettings, settleOptions } from "./options.ts";
import { createRingKeeper } from "./ring-keeper.ts";
import { createRouting } from "./route.ts";
import { createRoutingTable, type RoutingTable } from "./routing-table.ts";

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
    // Some 70 ms now, so that the first change of the ring under load finds its code compiled.
    warmUp({ placement: settings.emptyRing.placement });
    const fleet = createFleet(fleetOptions(options, settings.ringCapacity, { launcher, log }));
    open[0] = () => fleet.stop(0);
    const ledger = createTrafficLedger(latencyBucketsS.length + 1);
    const ejector = settings.ejection === null ? null : createEjector({ ...settings.ejection, log });
    open.push(() => ejector?.close());
    const table = joinFleet({ fleet, settings, ledger, log, ejector });
    return await openHouse({ settings, fleet, table, ledger, log, keyErrors, ejector }, open);
  } catch (error) {
    for (const close of open.reverse()) await close();
    throw error;
  }
}

/** The parts that exist before anything is opened. */
interface House {
  readonly settings: FrontDoorSettings;
  readonly fleet: Fleet;
  readonly table: RoutingTable;
  readonly ledger: TrafficLedger;
  readonly log: OwnedLog;
  readonly keyErrors: KeyErrors;
  /** Null: off. */
  readonly ejector: Ejector | null;
}

/** How to close what has been opened, in the order of opening. */
type Opened = (() => Promise<void> | void)[];

async function openHouse(house: House, open: Opened): Promise<FrontDoor> {
  const { settings, fleet, table, log, keyErrors } = house;
  let closing = false;
  const control = await openControl(house, () => closing, open);
  const routing = createRouting({
    snapshot: () => table.current,
    keyOf: settings.keyOf,
    control,
    desiredCount: () => fleet.desiredCount,
    onHashError: keyErrors.note,
  });
  const proxy = createProxy({
    ...settings.proxy,
    routing: () => routing,
    observer: observerOf(fleet, house.ejector),
  });
  const listener = await openListener(settings.host, settings.port, proxy.accept, log);
  open.push(listener.stopAccepting);
  const { ejector } = house;
  const report: AdminApiParts = { fleet, table, ejector, key: settings.keyText, policy: settings.policy };
  const ready = () => !closing && table.current.replicas.length > 0;
  const admin = await openAdmin(house, proxy, report, ready, open);
  const settled = startFleet(fleet, log).then(() => {
    table.begin();
    listener.release();
  });

  let patienceMs = settings.drainMs;
  let closed: Promise<void> | null = null;
  let hurry = () => {};
  async function shutDown(): Promise<void> {
    closing = true;
    listener.stopAccepting();
    listener.release();
    hurry = () => void proxy.drain(patienceMs);
    await proxy.drain(patienceMs);
    hurry = () => void fleet.stop(patienceMs);
    await fleet.stop(patienceMs);
    open.shift(); // the fleet, which is stopped
    for (const close of open.reverse()) await close();
    await log.flush().catch(() => {});
  }
  return {
    host: settings.host,
    port: listener.port,
    admin,
    settled,
    fleet,
    status: () => statusReport(report),
    close: (deadlineMs = settings.drainMs) => {
      patienceMs = closed === null ? deadlineMs : Math.min(patienceMs, deadlineMs);
      if (closed === null) closed = shutDown();
      else hurry();
      return closed;
    },
  };
}

function joinFleet(parts: Omit<House, "table" | "keyErrors">): RoutingTable {
  const { fleet, settings, ledger, log, ejector } = parts;
  const refused = (error: unknown) =>
    log.error({ event: "ring" }, `The ring was not changed: ${(error as Error).message}`);
  const table = createRoutingTable({
    ring: createRingKeeper({ ring: settings.emptyRing, refused, labelOf: settings.labelOf }),
    loadFactor: settings.loadFactor,
    serving: () => fleet.serving(),
    createUpstream: (name, address) => createUpstream({ name, address }),
    joined: (upstream) => {
      ledger.join(upstream.name, upstream.stats);
      ejector?.join(upstream);
    },
    left: (upstream) => {
      ledger.leave(upstream.stats);
      ejector?.leave(upstream);
    },
  });
  fleet.onChange(table.apply);
  fleet.onChange(() => ejector?.down(fleet.replicas().filter(({ state }) => state === "down").length));
  fleet.setInFlightOf(table.inFlightOf);
  return table;
}

async function openControl(house: House, closing: () => boolean, open: Opened): Promise<Upstream | null> {
  const { settings, fleet, ledger } = house;
  if (!settings.control) return null;
  const socket = await makeControlSocket();
  open.push(socket.remove);
  const api = await createControlApi({ path: socket.path, fleet, policy: settings.policy, closing });
  open.push(api.close);
  const upstream = createUpstream({ name: "control", address: { path: socket.path }, kind: "control" });
  open.push(() => upstream.destroy());
  ledger.join("(control)", upstream.stats);
  return upstream;
}

async function openAdmin(
  house: House,
  proxy: DataPlane,
  report: AdminApiParts,
  ready: () => boolean,
  open: Opened,
): Promise<FrontDoor["admin"]> {
  const { settings, log } = house;
  if (settings.admin === null) return null;
  const parts = { ...house, stats: proxy.stats, logLinesDropped: () => log.dropped };
  const metrics = createMetricsPage(() => readMetrics(parts), latencyBucketsS);
  const admin = await createAdmin({ ...settings.admin, metrics, ready, routes: adminApi(report) });
  open.push(admin.close);
  return { host: admin.host, port: admin.port };
}

/** What the data plane sees makes the fleet look at once, instead of at the next heartbeat. */
function observerOf(fleet: Fleet, ejector: Ejector | null): ProxyObserver {
  return {
    upstreamFailed: (upstream, failure) => {
      if (upstream.kind !== "replica") return;
      fleet.suspect(upstream.name, failure === "refused");
      ejector?.failed(upstream);
    },
    upstreamSilent: ({ kind, name }) => {
      if (kind === "replica") fleet.suspect(name);
    },
    upstreamAsked: (upstream) => ejector?.asked(upstream),
    upstreamAnswered: (upstream, code) => ejector?.answered(upstream, code),
  };
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
