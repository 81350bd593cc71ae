// Who listens on a replica's port? Between our look for a free port and the replica's bind somebody else may have
// taken it, and then answers our heartbeats in the replica's place.
import { runVariable } from "./leftovers.ts";
import { allPids, environmentOf, holdsSocket, listenersOn, statOf, treeOf } from "./procfs.ts";

/**
 * `other` only when that is certain: a process that was there before the replica, or somebody's replica. A process
 * that appeared later may serve on the replica's behalf (as Docker's proxy does for a `docker run -p` command).
 * Where /proc does not tell, the answer is `ours`.
 */
export function whoHolds(port: number, replica: number): "ours" | "other" {
  const inodes = listenersOn(port);
  if (inodes.length === 0 || treeOf(replica).some((pid) => holdsSocket(pid, inodes))) return "ours";
  const self = statOf(replica);
  const holder = allPids().find((pid) => holdsSocket(pid, inodes));
  const stat = holder === undefined ? null : statOf(holder);
  if (holder === undefined || stat === null || self === null || stat.session === replica) return "ours";
  const wasThereBefore = stat.startTicks < self.startTicks;
  return wasThereBefore || environmentOf(holder, runVariable) !== null ? "other" : "ours";
}
