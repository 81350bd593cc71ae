// What the benchmark knows of any proxy under test: how to start it over given origins, and where it listens.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { accepting, freePorts, startPinned } from "../pinned-process.ts";

export interface PeerPlan {
  readonly name: string;
  /** Writes what configuration it needs below `folder` and gives the command that runs it in the foreground. */
  command(folder: string, port: number, adminPort: number, originPorts: readonly number[]): readonly string[];
}

export interface RunningPeer {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

export async function startPeer(
  plan: PeerPlan,
  workFolder: string,
  originPorts: readonly number[],
  core: number,
): Promise<RunningPeer> {
  const folder = join(workFolder, plan.name);
  mkdirSync(folder, { recursive: true });
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const started = startPinned(plan.command(folder, port, adminPort, originPorts), { core });
  await accepting(plan.name, started, port);
  return { name: plan.name, pid: started.pid, port, stop: () => started.stop() };
}
