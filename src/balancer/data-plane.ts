// The data plane, composed: what the fleet serves → routing table → routing → proxy → front port. Everything that a
// request meets is made here and nowhere else. It asks the control plane for nothing: changes come in as they happen,
// figures go out when somebody reads them.
import type { Socket } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { defaultLimits, defaultUpstreamLimits } from "../proxy/limits.ts";
import { createProxy } from "../proxy/proxy.ts";
import type { ProxyObserver } from "../proxy/routing.ts";
import { type CertificatePair, createSecureFront, type SecureFront } from "../proxy/tls/secure-front.ts";
import { createUpstream, latencyBucketsS, type Upstream } from "../proxy/upstream.ts";
import { type Key, warmUp } from "../ring/ring.ts";
import type { Log } from "../telemetry/log.ts";
import type { MetricsReading } from "../telemetry/metrics-reading.ts";
import { createTrafficLedger } from "../telemetry/traffic.ts";
import { notingKey, openAccessLog } from "./access-log.ts";
import { createEjector, type Ejector } from "./ejector.ts";
import { createHotKeys, type HotKeysReading } from "./hot-keys.ts";
import type { KeyErrors } from "./key-errors.ts";
import { type Listener, openListener } from "./listener.ts";
import { createMalformedAnswers } from "./malformed-answers.ts";
import type { FrontDoorSettings } from "./options.ts";
import { policyNamed } from "./policies/named.ts";
import type { QueueHouse } from "./queue-house.ts";
import { conditionOf, conditionsRead, type ReplicaCondition, sharingRead } from "./replica-condition.ts";
import { createRouting } from "./route.ts";
import type { RoutingTable } from "./routing-table.ts";
import { joinFleet, type ServedFleet } from "./served-fleet.ts";
import { createWaitingRooms } from "./waiting-room.ts";

export interface DataPlaneParts {
  readonly settings: FrontDoorSettings;
  readonly fleet: ServedFleet;
  /** Unix socket of the control API; null when `control` is off. */
  readonly controlPath: string | null;
  readonly keyErrors: KeyErrors;
  /** Takes its own requests off the front port; null: there is no queue. */
  readonly queue: Pick<QueueHouse, "onFrontPort"> | null;
  /** A request waits, and there are no replicas. */
  readonly wake: () => void;
  readonly log: DataPlaneLog;
}

type DataPlaneLog = Pick<Log, "error" | "warn" | "info"> & { readonly dropped: number };

export interface DataPlane {
  readonly table: RoutingTable;
  /** Opens a front port; connections wait until {@link begin}. Rejects with PORT_IN_USE or BAD_CONFIG, in words. */
  listen(host: string, port: number, kind: "plain" | "tls"): Promise<number>;
  /** For TLS handshakes from now on. Throws when one cannot be used, and then nothing has changed. */
  useCertificates(certificates: readonly CertificatePair[]): void;
  /** The first replicas have settled: the ring is made, and connections are served. */
  begin(): void;
  /** Takes no new connections; those that wait are served. Resolves when the port is closed. */
  stopAccepting(patienceMs: number): Promise<void>;
  /** See `Proxy.drain`. */
  drain(deadlineMs: number): Promise<void>;
  /** Takes over what can be changed while requests are served; see reload.ts for what that is. */
  reconfigure(settings: FrontDoorSettings): void | Promise<void>;
  read(): DataPlaneReading;
  /** Requests that wait because nobody can take them, now. */
  readonly held: number;
  /** The keys asked for most; null where keys do not recur. */
  hotKeys(count: number): HotKeysReading | null;
  /** Null: it is not in the ring. */
  conditionOf(name: string): ReplicaCondition | null;
  /** Opens the access log's file anew, after a rotation. */
  reopenLog(): void;
  /** Resolves when the access log is written. */
  close(): Promise<void> | undefined;
}

/** What a data plane has counted. Only figures that add up over several data planes: numbers, and maps of them. */
export type DataPlaneReading = Pick<
  MetricsReading,
  | "traffic"
  | "ownAnswers"
  | "connections"
  | "connectionsTotal"
  | "connectionsRefused"
  | "retries"
  | "retriesOverBudget"
  | "retriesExhausted"
  | "http2"
  | "tls"
  | "waiting"
  | "full"
  | "sharing"
  | "ejected"
  | "ejections"
  | "ejectionsSpared"
  | "ejectionPanics"
  | "keyErrors"
  | "logLinesDropped"
  | "accessLinesDropped"
  | "hashing"
  | "held"
  | "heldTotal"
>;

export function createDataPlane(parts: DataPlaneParts): DataPlane {
  const { settings, fleet, keyErrors, log } = parts;
  // Some 70 ms now, so that the first change of the ring under load finds its code compiled.
  if (settings.routingPolicy === "hash") warmUp({ placement: settings.emptyRing.placement });
  const ledger = createTrafficLedger(latencyBucketsS.length + 1);
  const counters = { bounded: 0, overflowed: 0, spread: 0 };
  let hotKeys = settings.keysRecur ? createHotKeys() : null;
  const accessLog = settings.accessLog === null ? null : openAccessLog(settings.accessLog, slotOf, log);
  const policyBy = (by: FrontDoorSettings) => {
    const keyOf = accessLog === null ? by.keyOf : notingKey(by.keyOf);
    return policyNamed(settings.routingPolicy, { keyOf, noteKey: hotKeys?.note ?? null, counters });
  };
  const ejector = settings.ejection === null ? null : createEjector({ ...settings.ejection, log });
  const table = joinFleet(fleet, {
    settings,
    policy: policyBy(settings),
    log,
    joined: (upstream) => {
      ledger.join(upstream.name, upstream.stats);
      ejector?.join(upstream);
    },
    left: (upstream) => {
      ledger.leave(upstream.stats);
      ejector?.leave(upstream);
    },
  });
  fleet.onChange(({ replica: { name, state } }) => ejector?.down(name, state === "down"));
  const control = controlUpstream(parts.controlPath);
  if (control !== null) ledger.join("(control)", control.stats);
  const rooms = createWaitingRooms({
    rest: settings.autoscale?.room ?? null,
    gap: { ...defaultUpstreamLimits, ...settings.upstreamLimits },
    desiredCount: () => fleet.desiredCount,
    wake: parts.wake,
  });
  const serving = () => table.current.contenders.length;
  fleet.onChange(({ more }) => {
    if (!more) rooms.changed(serving());
  });
  const fleetRouting = createRouting({
    snapshot: () => table.current,
    control,
    rooms,
    desiredCount: () => fleet.desiredCount,
    onHashError: keyErrors.note,
  });
  const routing = parts.queue?.onFrontPort(fleetRouting) ?? fleetRouting;
  const proxy = createProxy({
    ...settings.proxy,
    routing: () => routing,
    observer: observerOf(fleet, ejector, log),
    accessLog: accessLog?.note,
  });
  let current = settings;
  const secure = secureFrontOf(settings, proxy.accept);
  const listeners: Listener[] = [];
  return {
    table,
    listen: async (host, port, kind) => {
      const accept = kind === "tls" && secure !== null ? secure.accept : proxy.accept;
      const listener = await openListener(host, port, accept, log);
      listeners.push(listener);
      return listener.port;
    },
    useCertificates: (certificates) => secure?.useCertificates(certificates),
    begin: () => {
      table.begin();
      rooms.changed(serving());
      for (const listener of listeners) listener.release();
    },
    stopAccepting: async (patienceMs) => {
      for (const listener of listeners) listener.release();
      await Promise.all(listeners.map((listener) => listener.stopAccepting(patienceMs)));
    },
    drain: proxy.drain,
    reconfigure: (next) => {
      hotKeys = next.keysRecur ? (hotKeys ?? createHotKeys()) : null;
      table.chooseBy(policyBy(next));
      // What was switched at run time stays, unless the configuration's own word has changed.
      const { loadFactor } = next;
      if (loadFactor !== current.loadFactor) table.steer({ ...table.current.steering, loadFactor });
      proxy.reconfigure(next.proxy);
      if (!isDeepStrictEqual(next.autoscale?.room, current.autoscale?.room))
        rooms.reconfigure(next.autoscale?.room ?? null, serving());
      current = next;
    },
    read: () => ({
      traffic: ledger.sums(),
      ownAnswers: proxy.stats.ownAnswers,
      connections: proxy.stats.connections,
      connectionsTotal: proxy.stats.connectionsTotal,
      connectionsRefused: proxy.stats.connectionsRefused,
      retries: proxy.stats.retries.made,
      retriesOverBudget: proxy.stats.retries.overBudget,
      retriesExhausted: proxy.stats.retries.exhausted,
      http2: {
        connections: proxy.stats.http2ConnectionsTotal,
        connectionsWasteful: proxy.stats.connectionsWasteful,
        streamsWasted: proxy.stats.streamsWasted,
      },
      tls: { full: 0, resumed: 0, failed: 0, ...secure?.stats },
      ...conditionsRead(table.current),
      sharing: settings.proxy.upstreamBatching ? sharingRead(table.current) : new Map(),
      ejected: ejector?.ejectedNow() ?? new Map(),
      ejections: new Map(Object.entries(ejector?.counters.ejected ?? {})),
      ejectionsSpared: ejector?.counters.spared ?? 0,
      ejectionPanics: ejector?.panic === true ? 1 : 0,
      keyErrors: keyErrors.count,
      logLinesDropped: log.dropped,
      accessLinesDropped: accessLog?.dropped ?? 0,
      hashing: counters,
      held: rooms.held,
      heldTotal: rooms.heldTotal,
    }),
    get held() {
      return rooms.held;
    },
    hotKeys: (count) => hotKeys?.top(count) ?? null,
    conditionOf: (name) => conditionOf(table.current, ejector, name),
    reopenLog: () => accessLog?.reopen(),
    close: () => {
      ejector?.close();
      for (const listener of listeners) listener.close();
      secure?.close();
      control?.destroy();
      return accessLog?.close();
    },
  };

  function slotOf(key: Key): number | null {
    try {
      return settings.routingPolicy === "hash" ? table.current.ring.slotOf(key) : null;
    } catch {
      return null; // the user's own hash function: its failure was told when the request was routed
    }
  }
}

function secureFrontOf(
  { tls, proxy }: FrontDoorSettings,
  accept: (socket: Socket) => void,
): SecureFront | null {
  if (tls === null) return null;
  return createSecureFront({
    certificates: tls.certificates,
    limits: { ...defaultLimits, ...proxy.limits },
    accept,
  });
}

function controlUpstream(path: string | null): Upstream | null {
  return path === null ? null : createUpstream({ name: "control", address: { path }, kind: "control" });
}

/** What the data plane sees makes the fleet look at once, instead of at the next heartbeat. */
function observerOf(fleet: ServedFleet, ejector: Ejector | null, log: DataPlaneLog): ProxyObserver {
  const malformed = createMalformedAnswers(log);
  return {
    upstreamFailed: (upstream, failure, problem) => {
      const { kind, name } = upstream;
      if (failure === "protocol") malformed.note(name, problem);
      if (kind !== "replica") return;
      fleet.suspect(name, failure === "refused");
      ejector?.failed(upstream);
    },
    upstreamSilent: ({ kind, name }) => {
      if (kind === "replica") fleet.suspect(name);
    },
    upstreamAsked: (upstream) => ejector?.asked(upstream),
    upstreamAnswered: (upstream, code) => ejector?.answered(upstream, code),
  };
}
