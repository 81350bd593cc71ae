// Roundhouse as the product starts it: one process before servers that somebody else runs, routed by path, with its
// health checks, metrics and header policy on, as they are by default.
import type { PeerPlan } from "./peer.ts";

/** `command` is what stands for `roundhouse up`; the arguments below follow it. */
export function roundhousePeer(name: string, command: string): PeerPlan {
  return {
    name,
    command: (_folder, port, adminPort, originPorts) => [
      ...command.split(" ").filter((word) => word !== ""),
      ...["--host", "127.0.0.1", "--port", String(port), "--admin-port", String(adminPort), "--key", "path"],
      ...originPorts.flatMap((originPort) => ["--upstream", `127.0.0.1:${originPort}`]),
    ],
    isReady: async ({ adminPort, originCount }) => (await serving(adminPort)) === originCount,
  };
}

/** How many upstreams are in the ring, by the admin API; 0 while it does not answer yet. */
async function serving(adminPort: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/api/v1/status`).catch(() => null);
  const status = answer?.ok ? ((await answer.json()) as { serving?: number }) : {};
  return status.serving ?? 0;
}
