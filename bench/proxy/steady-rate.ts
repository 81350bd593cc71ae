// Latency at rates that every peer can keep up with: 50 and 80 % of the slowest peer's closed-loop rate, and as a
// harder one 80 % of the slower of nginx and HAProxy. The generator itself is steady-client.ts.
import { fileURLToPath } from "node:url";
import type { TrafficCase } from "./cases.ts";
import type { RunningPeer } from "./peers/peer.ts";
import { runPinned } from "./pinned-process.ts";
import type { SteadyResult, SteadySettings } from "./steady-client.ts";

export interface SteadyRate {
  readonly title: string;
  readonly ratePerS: number;
}

const client = fileURLToPath(new URL("./steady-client.ts", import.meta.url));
const warmupSeconds = 0.5;

/** From each peer's closed-loop requests per second to the rates to measure at. */
export function steadyRates(closedLoop: ReadonlyMap<string, number>): SteadyRate[] {
  const slowest = Math.min(...closedLoop.values());
  const [slowestName] = [...closedLoop].find(([, rate]) => rate === slowest) ?? ["?"];
  return [
    { title: `50 % of ${slowestName}'s`, ratePerS: Math.floor(slowest * 0.5) },
    { title: `80 % of ${slowestName}'s`, ratePerS: Math.floor(slowest * 0.8) },
  ];
}

export async function measureSteadyRate(
  peer: RunningPeer,
  one: TrafficCase,
  ratePerS: number,
  seconds: number,
  loadCore: number,
): Promise<SteadyResult> {
  const settings: SteadySettings = {
    port: peer.port,
    folder: one.folder,
    uriCount: one.uriCount,
    answerBytes: one.answerBytes,
    ratePerS,
    seconds: seconds + warmupSeconds,
    warmupSeconds,
    connections: one.connections,
  };
  const command = [process.execPath, "--import", "tsx", client, JSON.stringify(settings)];
  return JSON.parse(await runPinned(command, { core: loadCore })) as SteadyResult;
}
