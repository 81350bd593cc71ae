// The data plane, composed: what the fleet serves → routing table → routing → proxy → front port. Everything that a
// request meets is made here and nowhere else. It asks the control plane for nothing: changes come in as they happen,
// figures go out when somebody reads them.
import { createProxy } from "../proxy/proxy.ts";
import type { ProxyObserver } from "../proxy/routing.ts";
import { createUpstream, latencyBucketsS, type Upstream } from "../proxy/upstream.ts";
import { warmUp } from "../ring/ring.ts";
import type { Log } from "../telemetry/log.ts";
import type { MetricsReading } from "../telemetry/metrics.ts";
import { createTrafficLedger } from "../telemetry/traffic.ts";
import type { KeyErrors } from "./key-errors.ts";
import { type Listener, openListener } from "./listener.ts";
import { createMalformedAnswers } from "./malformed-answers.ts";
import type { FrontDoorSettings } from "./options.ts";
import { createRouting } from "./route.ts";
import type { RoutingTable } from "./routing-table.ts";
import { joinFleet, type ServedFleet } from "./served-fleet.ts";

export interface DataPlaneParts {
  readonly settings: FrontDoorSettings;
  readonly fleet: ServedFleet;
  /** Unix socket of the control API; null when `control` is off. */
  readonly controlPath: string | null;
  readonly keyErrors: KeyErrors;
  readonly log: DataPlaneLog;
}

type DataPlaneLog = Pick<Log, "error" | "warn"> & { readonly dropped: number };

export interface DataPlane {
  readonly table: RoutingTable;
  /** Opens the front port; connections wait until {@link begin}. Rejects with PORT_IN_USE or BAD_CONFIG, in words. */
  listen(host: string, port: number): Promise<number>;
  /** The first replicas have settled: the ring is made, and connections are served. */
  begin(): void;
  /** Takes no new connections; those that wait are served. Resolves when the port is closed. */
  stopAccepting(): Promise<void>;
  /** See `Proxy.drain`. */
  drain(deadlineMs: number): Promise<void>;
  /** Takes over what can be changed while requests are served; see reload.ts for what that is. */
  reconfigure(settings: FrontDoorSettings): void;
  read(): DataPlaneReading;
  close(): void;
}

/** What a data plane has counted. Only figures that add up over several data planes: numbers, and maps of them. */
export type DataPlaneReading = Pick<
  MetricsReading,
  | "traffic"
  | "ownAnswers"
  | "connections"
  | "connectionsTotal"
  | "connectionsRefused"
  | "keyErrors"
  | "logLinesDropped"
>;

export function createDataPlane(parts: DataPlaneParts): DataPlane {
  const { settings, fleet, keyErrors, log } = parts;
  // Some 70 ms now, so that the first change of the ring under load finds its code compiled.
  warmUp({ placement: settings.emptyRing.placement });
  const ledger = createTrafficLedger(latencyBucketsS.length + 1);
  const table = joinFleet(fleet, settings, log, {
    joined: ({ name, stats }) => ledger.join(name, stats),
    left: ({ stats }) => ledger.leave(stats),
  });
  const control = controlUpstream(parts.controlPath);
  if (control !== null) ledger.join("(control)", control.stats);
  const routingBy = ({ keyOf }: FrontDoorSettings) =>
    createRouting({
      snapshot: () => table.current,
      keyOf,
      control,
      desiredCount: () => fleet.desiredCount,
      onHashError: keyErrors.note,
    });
  let routing = routingBy(settings);
  const proxy = createProxy({ ...settings.proxy, routing: () => routing, observer: observerOf(fleet, log) });
  let listener: Listener | null = null;
  return {
    table,
    listen: async (host, port) => {
      listener = await openListener(host, port, proxy.accept, log);
      return listener.port;
    },
    begin: () => {
      table.begin();
      listener?.release();
    },
    stopAccepting: async () => {
      listener?.release();
      await listener?.stopAccepting();
    },
    drain: proxy.drain,
    reconfigure: (next) => {
      table.setLoadFactor(next.loadFactor);
      routing = routingBy(next);
      proxy.reconfigure(next.proxy);
    },
    read: () => ({
      traffic: ledger.sums(),
      ownAnswers: proxy.stats.ownAnswers,
      connections: proxy.stats.connections,
      connectionsTotal: proxy.stats.connectionsTotal,
      connectionsRefused: proxy.stats.connectionsRefused,
      keyErrors: keyErrors.count,
      logLinesDropped: log.dropped,
    }),
    close: () => {
      listener?.close();
      control?.destroy();
    },
  };
}

function controlUpstream(path: string | null): Upstream | null {
  return path === null ? null : createUpstream({ name: "control", address: { path }, kind: "control" });
}

/** What the data plane sees makes the fleet look at once, instead of at the next heartbeat. */
function observerOf(fleet: ServedFleet, log: DataPlaneLog): ProxyObserver {
  const malformed = createMalformedAnswers(log);
  return {
    upstreamFailed: ({ kind, name }, failure, problem) => {
      if (failure === "protocol") malformed.note(name, problem);
      if (kind === "replica") fleet.suspect(name, failure === "refused");
    },
    upstreamSilent: ({ kind, name }) => {
      if (kind === "replica") fleet.suspect(name);
    },
  };
}
