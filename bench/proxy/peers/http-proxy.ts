// http-proxy, the library most Node programs proxy with, in the small server of http-proxy-server.mjs.
import { fileURLToPath } from "node:url";
import type { PeerPlan } from "./peer.ts";

const server = fileURLToPath(new URL("./http-proxy-server.mjs", import.meta.url));

export const httpProxyPeer: PeerPlan = {
  name: "http-proxy",
  command: (_folder, port, _adminPort, originPorts) => [
    process.execPath,
    server,
    String(port),
    originPorts.join(","),
  ],
};
