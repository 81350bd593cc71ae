// What the benchmark knows of any proxy under test: how to start it over given origins, and where it listens.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { accepting, freePorts, startPinned } from "../pinned-process.ts";

const readyDeadlineMs = 60_000;

export interface PeerPlan {
  readonly name: string;
  /** Writes what configuration it needs below `folder` and gives the command that runs it in the foreground. */
  command(folder: string, port: number, adminPort: number, originPorts: readonly number[]): readonly string[];
  /** True once every origin takes part. Without it a peer that accepts connections is ready. */
  isReady?(starting: Starting): Promise<boolean>;
}

/** What a starting peer may look at to see whether it serves with all its origins. */
export interface Starting {
  readonly adminPort: number;
  readonly originCount: number;
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
  const deadlineMs = performance.now() + readyDeadlineMs;
  while (plan.isReady && !(await plan.isReady({ adminPort, originCount: originPorts.length }))) {
    if (performance.now() > deadlineMs || started.hasEnded) {
      await started.stop();
      throw new Error(
        `${plan.name} did not take up all ${originPorts.length} origins in 60 s: ${started.complaints()}`,
      );
    }
    await sleep(100);
  }
  return { name: plan.name, pid: started.pid, port, stop: () => started.stop() };
}
