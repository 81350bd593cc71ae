// What Linux tells about processes under /proc: see proc(5). Elsewhere, and for processes that are gone or not
// ours to look at, every answer is null or empty, and callers go without.
// Reads are synchronous: procfs has no disk behind it, and one read takes some microseconds. But for the tables of
// sockets: to find the few that listen the kernel goes through all of its hash table, for some milliseconds.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

export interface ProcessStat {
  /** Process group and session; both are the pid of their first process. */
  readonly group: number;
  readonly session: number;
  /** Clock ticks from boot to its start: with the pid, an identity that no later process has. */
  readonly startTicks: number;
}

export function statOf(pid: number): ProcessStat | null {
  const fields = statFields(pid);
  if (fields === null) return null;
  return { group: Number(fields[2]), session: Number(fields[3]), startTicks: Number(fields[19]) };
}

/**
 * Processor time of one process and of those of its children that have ended and been waited for, in seconds: so the
 * sum over a tree does not fall when a child ends.
 */
export function cpuSecondsOf(pid: number): number | null {
  const times = statFields(pid)?.slice(11, 15); // utime, stime, cutime, cstime
  return times === undefined ? null : times.reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerS;
}

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const ticksPerS = 100;

/** The fields from the third on (the state); null when it has ended. */
function statFields(pid: number): string[] | null {
  const text = readText(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, and may hold anything, parentheses included.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields === undefined || fields[0] === "Z" || fields[0] === "X" ? null : fields;
}

export function allPids(): number[] {
  return list("/proc").map(Number).filter(Number.isInteger);
}

/** A process and its descendants, as far as they have not been adopted by init. */
export function treeOf(pid: number): number[] {
  const tree = [pid];
  for (const each of tree) {
    for (const thread of list(`/proc/${each}/task`)) {
      const children = readText(`/proc/${each}/task/${thread}/children`)?.trim();
      if (children) tree.push(...children.split(" ").map(Number));
    }
  }
  return tree;
}

/** Resident memory of one process in bytes. */
export function rssBytesOf(pid: number): number | null {
  const kilobytes = readText(`/proc/${pid}/status`)?.match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** The value of one variable in the environment that a process was started with. */
export function environmentOf(pid: number, variable: string): string | null {
  const entries = readText(`/proc/${pid}/environ`)?.split("\0");
  return entries?.find((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1) ?? null;
}

/** Names the pid namespace, for example `pid:[4026531836]`: pids mean nothing outside it. */
export function pidNamespace(): string | null {
  return readLink("/proc/self/ns/pid");
}

/** Socket inodes that listen on a port, on whatever address. */
export async function listenersOn(port: number): Promise<number[]> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(listeningRows));
  return tables
    .flat()
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(ending) && fields[3] === listening)
    .map((fields) => Number(fields[9]));
}

/** TCP_LISTEN in the kernel's list of states. */
const listening = "0A";

/** The table's beginning: the kernel lists listeners first, and there may be thousands of connections after them. */
async function listeningRows(table: string): Promise<string[]> {
  const rows = (await readWhile(table, isListening))?.split("\n").slice(1) ?? [];
  return rows.filter(isListening);
}

const isListening = (row: string): boolean => row.includes(` ${listening} `);

export function holdsSocket(pid: number, inodes: readonly number[]): boolean {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  return list(`/proc/${pid}/fd`).some((fd) => wanted.has(readLink(`/proc/${pid}/fd/${fd}`) ?? ""));
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Reads piece by piece for as long as the last whole line is one that is wanted. */
async function readWhile(path: string, wanted: (line: string) => boolean): Promise<string | null> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const piece = Buffer.allocUnsafe(4096);
    let text = "";
    for (;;) {
      const { bytesRead } = await file.read(piece);
      text += piece.toString("latin1", 0, bytesRead);
      if (bytesRead === 0 || !wanted(text.split("\n").at(-2) ?? "")) return text;
    }
  } catch {
    return null;
  } finally {
    await file?.close();
  }
}
