// Processes that an earlier run left behind: its front door was killed, and its keeper with it. Each replica bears
// its run's id in its environment; one whose front door is gone is ended. Only Linux shows that environment;
// elsewhere nothing is swept.
import type { FleetLog } from "../fleet.ts";
import { allPids, environmentOf, pidNamespace, statOf } from "./procfs.ts";

/** The variable that carries the run id. */
export const runVariable = "ROUNDHOUSE_RUN";

/** From SIGTERM to SIGKILL for what is swept, in ms. */
const graceMs = 1_000;
/** Processes looked at in one turn of the event loop. */
const pidsPerTurn = 20;

/**
 * Names the front door that runs now, for ever: `pid/start/namespace`. A process with the pid but another start
 * time is somebody else, and in another namespace (a container) the pid means nothing.
 */
export function runId(): string {
  return [process.pid, statOf(process.pid)?.startTicks ?? 0, pidNamespace() ?? ""].join("/");
}

/** Ends what dead front doors left behind, and tells how many processes that were. */
export async function sweepLeftovers(log: FleetLog): Promise<number> {
  const found = await findLeftovers();
  if (found.length === 0) return 0;
  log.warn(
    { pids: found.map(({ pid }) => pid) },
    `Ending ${found.length} processes that an earlier run left`,
  );
  for (const leftover of found) signal(leftover, "SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, graceMs).unref());
  for (const leftover of found) signal(leftover, "SIGKILL");
  return found.length;
}

interface Leftover {
  readonly pid: number;
  readonly startTicks: number;
}

async function findLeftovers(): Promise<Leftover[]> {
  const found: Leftover[] = [];
  const namespace = pidNamespace();
  for (const [index, pid] of allPids().entries()) {
    if (index % pidsPerTurn === 0) await new Promise(setImmediate);
    const stat = statOf(pid);
    const run = environmentOf(pid, runVariable);
    if (stat === null || run === null || pid === process.pid) continue;
    if (isAbandoned(run, namespace)) found.push({ pid, startTicks: stat.startTicks });
  }
  return found;
}

function isAbandoned(run: string, namespace: string | null): boolean {
  const [pid, startTicks, home] = run.split("/");
  if (home !== namespace || !(Number(pid) > 0) || !(Number(startTicks) > 0)) return false;
  return statOf(Number(pid))?.startTicks !== Number(startTicks);
}

function signal({ pid, startTicks }: Leftover, name: NodeJS.Signals): void {
  if (statOf(pid)?.startTicks !== startTicks) return;
  try {
    process.kill(pid, name);
  } catch {
    // Gone between the look and the signal, or not ours to end.
  }
}
