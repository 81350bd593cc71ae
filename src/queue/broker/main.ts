// The program of a broker process. Started by the control plane (control/broker-process.ts), never by hand.
import { listenOnWire } from "../wire/listener.ts";
import { createQueueService } from "../wire/queue-service.ts";
import { type BrokerSettings, settingsVariable } from "./messages.ts";
import type { BrokerNode } from "./node.ts";
import { type NodeServer, runBroker } from "./process.ts";

await runBroker(JSON.parse(process.env[settingsVariable] ?? "{}") as BrokerSettings, serveQueue);

async function serveQueue(node: BrokerNode): Promise<NodeServer> {
  const service = createQueueService(node);
  const { host, port, close } = await listenOnWire(service);
  return {
    host,
    port,
    async close(deadlineMs) {
      await close(deadlineMs);
      service.close();
    },
  };
}
