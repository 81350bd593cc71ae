// A node served over HTTP on a loopback port of its own.
import { listenOnWire } from "../wire/listener.ts";
import { createQueueService } from "../wire/queue-service.ts";
import type { ConsumerLag } from "./figures.ts";
import type { BrokerNode } from "./node.ts";

export interface NodeServer {
  readonly host: string;
  readonly port: number;
  /** Requests that wait for a tablet's owner now. */
  parked(): number;
  /** Of the registered consumers whose registrations are kept here. */
  registeredLags(): Promise<readonly ConsumerLag[]>;
  /** Finishes what is under way, within the deadline. */
  close(deadlineMs: number): Promise<void>;
}

export async function serveNode(node: BrokerNode): Promise<NodeServer> {
  const service = createQueueService(node);
  const listener = await listenOnWire(service);
  return {
    host: listener.host,
    port: listener.port,
    parked: service.parked,
    registeredLags: service.registeredLags,
    async close(deadlineMs) {
      await listener.close(deadlineMs);
      service.close();
    },
  };
}
