// The floor under every proxy on node:net: floor-server.mjs, which forwards and understands nothing. Only when named.
import { fileURLToPath } from "node:url";
import type { PeerPlan } from "./peer.ts";

const server = fileURLToPath(new URL("./floor-server.mjs", import.meta.url));

export const floorPeer: PeerPlan = {
  name: "floor",
  command: (_folder, port, _adminPort, originPorts) => [
    process.execPath,
    server,
    String(port),
    originPorts.join(","),
  ],
};
