// Who listens on a replica's port? Between our look for a free port and the replica's bind somebody else may have
// taken it, and then answers our heartbeats in the replica's place.
import { runVariable } from "./leftovers.ts";
import { allPids, environmentOf, holdsSocket, listenersOn, statOf, treeOf } from "./procfs.ts";

/** Processes looked at in one turn of the event loop. */
const pidsPerTurn = 10;

/**
 * `other` only when that is certain: a process that was there before the replica, or somebody's replica. A process
 * that appeared later may serve on the replica's behalf (as Docker's proxy does for a `docker run -p` command).
 * Where /proc does not tell, the answer is `ours`.
 */
export async function whoHolds(port: number, replica: number): Promise<"ours" | "other"> {
  const inodes = await listenersOn(port);
  if (inodes.length === 0 || treeOf(replica).some((pid) => holdsSocket(pid, inodes))) return "ours";
  const holder = await findHolder(inodes);
  const stat = holder === null ? null : statOf(holder);
  const self = statOf(replica);
  // It has just ended: whoever answers, it is not the replica.
  if (self === null) return "other";
  if (holder === null || stat === null || stat.session === replica) return "ours";
  const wasThereBefore = stat.startTicks < self.startTicks;
  return wasThereBefore || environmentOf(holder, runVariable) !== null ? "other" : "ours";
}

async function findHolder(inodes: readonly number[]): Promise<number | null> {
  for (const [index, pid] of allPids().entries()) {
    if (index % pidsPerTurn === pidsPerTurn - 1) await new Promise(setImmediate);
    if (holdsSocket(pid, inodes)) return pid;
  }
  return null;
}
