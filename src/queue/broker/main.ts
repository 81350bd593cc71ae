// The program of a broker process. Started by the control plane (control/broker-process.ts), never by hand.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type BrokerSettings, settingsVariable } from "./messages.ts";
import { type NodeServer, runBroker } from "./process.ts";

await runBroker(JSON.parse(process.env[settingsVariable] ?? "{}") as BrokerSettings, serveHeartbeats);

/** Tells whoever asks that this process answers. */
function serveHeartbeats(): Promise<NodeServer> {
  const server = createServer((_, answer) => answer.end());
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { address, port } = server.address() as AddressInfo;
      resolve({
        host: address,
        port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
