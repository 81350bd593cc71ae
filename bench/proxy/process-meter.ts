// Reads from /proc what a proxy has cost: processor time and resident memory of its own process and of every
// process below it (nginx's worker, a keeper), all threads included. It measures nobody else.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Processor time in milliseconds, as the kernel splits it. */
export interface CpuTime {
  readonly userMs: number;
  readonly systemMs: number;
}

/** USER_HZ is 100 on every Linux architecture Node runs on: one tick in /proc/<pid>/stat is 10 ms. */
const tickMs = 10;

/** Fields of /proc/<pid>/stat after the command name, which may hold spaces: index 0 is the state (field 3). */
function statFields(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null; // it has ended
  }
}

/** The process and all its descendants that live now. */
export function processTree(rootPid: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? Number(statFields(pid)?.[1]) : Number.NaN;
    if (!Number.isNaN(parent)) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), pid]);
  }
  const tree = [rootPid];
  for (const pid of tree) tree.push(...(childrenOf.get(pid) ?? []));
  return tree;
}

export function cpuTime(pids: readonly number[]): CpuTime {
  let userMs = 0;
  let systemMs = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    userMs += Number(fields?.[11] ?? 0) * tickMs; // field 14, utime
    systemMs += Number(fields?.[12] ?? 0) * tickMs; // field 15, stime
  }
  return { userMs, systemMs };
}

function statusBytes(pid: number, field: "VmHWM" | "VmRSS" | "RssAnon"): number {
  try {
    const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(
      readFileSync(`/proc/${pid}/status`, "latin1"),
    );
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Sum over the processes; pages that nginx's two processes share count twice. */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + statusBytes(pid, "VmRSS"), 0);
}

/** Memory of the processes' own, without files that are mapped: what the kernel cannot take back. */
export function anonymousBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + statusBytes(pid, "RssAnon"), 0);
}

/** The most that was resident since the start or the last {@link forgetPeak}. */
export function peakResidentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + statusBytes(pid, "VmHWM"), 0);
}

/** Sets the kernel's high-water mark back to what is resident now (proc(5), clear_refs 5). */
export function forgetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}
