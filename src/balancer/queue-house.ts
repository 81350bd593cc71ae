// The queue beside the front door: the control plane with its brokers, the desk that serves while no broker lives, and
// the queue's own ports. Brokers are upstreams of the same data plane that serves replicas.
//
//   start: control plane (brokers come up meanwhile) → desk → ports
//   stop:  ports take nothing new and drain → brokers give up their tablets and end
import { createProxy, type Proxy as DataPlaneProxy } from "../proxy/proxy.ts";
import type { ProxyObserver, Routing } from "../proxy/routing.ts";
import { commitBucketsBytes, commitBucketsS } from "../queue/broker/figures.ts";
import { serveNode } from "../queue/broker/serve.ts";
import { openControlPlane } from "../queue/control/control-plane.ts";
import type { QueueFigures } from "../queue/control/figures-ledger.ts";
import type { QueueMap } from "../queue/map.ts";
import type { Log } from "../telemetry/log.ts";
import type { MetricsPage } from "../telemetry/metrics.ts";
import { createQueueMetrics } from "../telemetry/queue-metrics.ts";
import { type Listener, type ListenerName, openListener } from "./listener.ts";
import type { FrontDoorSettings } from "./options.ts";
import type { QueueSettings } from "./queue-options.ts";
import { frontPortRouting, queueRouting } from "./queue-route.ts";
import { createQueueUpstreams, type QueueUpstreams } from "./queue-upstreams.ts";

export interface QueueHouseParts {
  readonly queue: QueueSettings;
  readonly settings: Pick<FrontDoorSettings, "host" | "policy" | "proxy">;
  readonly log: Log;
}

export interface QueueHouse {
  /** Port numbers; null where the listener is off. */
  readonly ports: { readonly queue: number | null; readonly read: number | null };
  /** The front port's routing, with the queue's paths taken out of it. */
  onFrontPort(routing: Routing): Routing;
  /** What a data plane in another process needs to do the same: where the desk is, and each map. */
  readonly desk: { readonly host: string; readonly port: number };
  map(): QueueMap;
  onMap(listener: (map: QueueMap) => void): void;
  /** At least one broker serves. */
  ready(): boolean;
  /** What brokers have counted. */
  figures(): QueueFigures;
  /** Its part of the metrics page. */
  readonly metrics: MetricsPage;
  /** No new connections, and what is under way finishes, within the deadline. */
  drain(deadlineMs: number): Promise<void>;
  close(deadlineMs: number): Promise<void>;
}

const names = {
  queue: { what: "queue's listener", option: "--queue-port" },
  read: { what: "queue's read port", option: "--read-port" },
} as const satisfies Record<string, ListenerName>;

/** Rejects with PORT_IN_USE, BAD_CONFIG, DATA_DIR_IN_USE, DATA_FORMAT or START_FAILED; then nothing is left open. */
export async function openQueueHouse(parts: QueueHouseParts): Promise<QueueHouse> {
  const { queue, settings, log } = parts;
  const plane = await openControlPlane({ ...queue.control, log });
  const closers: (() => Promise<void> | void)[] = [() => plane.close(0)];
  try {
    const desk = await serveNode(plane.desk);
    closers.push(() => desk.close(0));
    const upstreams = createQueueUpstreams(desk);
    closers.push(upstreams.close);
    upstreams.apply(plane.map());
    plane.onMap(upstreams.apply);
    const readDoor = await openDoor("read", queue.readPort, parts, upstreams);
    if (readDoor !== null) closers.push(readDoor.listener.close);
    const queueDoor = await openDoor("queue", queue.port, parts, upstreams);
    // Who waits for an owner may wait at the desk too.
    const figures = () => {
      const sums = plane.figures();
      return { ...sums, parked: sums.parked + desk.parked() };
    };
    const doors = [readDoor, queueDoor].filter((door) => door !== null);
    return {
      ports: { queue: queueDoor?.listener.port ?? null, read: readDoor?.listener.port ?? null },
      onFrontPort: (routing) => frontPortRouting(routing, upstreams, queue, settings.policy),
      desk: { host: desk.host, port: desk.port },
      map: plane.map,
      onMap: plane.onMap,
      ready: () => plane.map().brokers.some(({ phase }) => phase === "live"),
      figures,
      metrics: createQueueMetrics(figures, { s: commitBucketsS, bytes: commitBucketsBytes }),
      async drain(deadlineMs) {
        await Promise.all(doors.map(({ listener }) => listener.stopAccepting(deadlineMs)));
        await Promise.all(doors.map(({ proxy }) => proxy.drain(deadlineMs)));
      },
      async close(deadlineMs) {
        for (const { listener } of doors) listener.close();
        upstreams.close();
        await plane.close(deadlineMs);
        await desk.close(0);
      },
    };
  } catch (error) {
    for (const close of closers.reverse()) await close();
    throw error;
  }
}

interface Door {
  readonly proxy: DataPlaneProxy;
  readonly listener: Listener;
}

async function openDoor(
  which: "queue" | "read",
  port: number | null,
  { settings, log }: QueueHouseParts,
  upstreams: QueueUpstreams,
): Promise<Door | null> {
  if (port === null) return null;
  const routing = queueRouting(which, upstreams, settings.policy);
  const proxy = createProxy({ ...settings.proxy, routing: () => routing, observer });
  const listener = await openListener(settings.host, port, proxy.accept, log, names[which]);
  listener.release();
  return { proxy, listener };
}

/** The control plane watches its brokers by itself, and learns of a dead one before we do. */
const observer: ProxyObserver = {
  upstreamFailed() {},
  upstreamSilent() {},
  upstreamAsked() {},
  upstreamAnswered() {},
};
