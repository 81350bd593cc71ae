// What distinguishes a process from a later one that was given the same id.
import { existsSync, readFileSync } from "node:fs";
import { statOf } from "../fleet/launchers/procfs.ts";

/** When the process began, as the system tells it; empty when there is no such process, or only its remains. */
export function startOf(pid: number): string {
  const stat = statOf(pid);
  if (stat !== null) return `${stat.startTicks} of boot ${bootId()}`;
  // Without /proc all that is known is whether a process of this id exists.
  return existsSync("/proc/self/stat") || !isThere(pid) ? "" : "running";
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
