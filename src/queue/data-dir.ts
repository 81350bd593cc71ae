// A data directory: its label, and the lock that keeps a second program out.
//
//   roundhouse-queue.json   {"format":1,"tablets":32}: written once; the number of tablets never changes
//   lock.7                  who uses the directory now: the highest number counts
//   catalog.lmdb            topics, shards, epochs (catalog.ts)
//   tablets/00.lmdb …       the logs (stores/lmdb.ts)
//   brokers.json            the broker processes of the last control plane (control/survivors.ts)
//   ballast …               room kept for retention on a full disk (ballast.ts); each broker has its own
//
// The lock has no race: a lock file is linked into place under the next number, which only one can do, and the highest
// one is never removed, so that numbers never begin again. A program that has ended left its lock behind; its process
// id together with the process's start time and the machine's boot tells so, also when the id has been given away.
import { randomUUID } from "node:crypto";
import { linkSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { RoundhouseError } from "../errors.ts";
import { makeFolder, syncFolder } from "./durable-folder.ts";
import { startOf } from "./process-start.ts";

const LABEL = "roundhouse-queue.json";
const FORMAT = 1;

export interface DataDir {
  readonly path: string;
  readonly tabletCount: number;
  /** Path of a tablet's file, and the same from the directory on. */
  tabletFile(tablet: number): string;
  tabletName(tablet: number): string;
  /** Lets the next program in. */
  release(): void;
}

interface Holder {
  readonly pid: number;
  /** What distinguishes this process from a later one of the same id. */
  readonly started: string;
}

/** Makes the directory if it is missing, and takes its lock. Throws DATA_DIR_IN_USE, DATA_FORMAT, BAD_CONFIG or STORE_FAILED. */
export function openDataDir(path: string, tabletCount: number): DataDir {
  const lock = makeAndLock(path);
  try {
    const count = readLabel(path) ?? writeLabel(path, tabletCount);
    const digits = Math.max(2, String(count - 1).length);
    const tabletName = (tablet: number) => join("tablets", `${String(tablet).padStart(digits, "0")}.lmdb`);
    return {
      path,
      tabletCount: count,
      tabletFile: (tablet) => join(path, tabletName(tablet)),
      tabletName,
      release: () => giveUp(lock),
    };
  } catch (error) {
    giveUp(lock);
    throw error;
  }
}

function makeAndLock(path: string): string {
  try {
    makeFolder(path);
    return takeLock(path);
  } catch (cause) {
    if (cause instanceof RoundhouseError) throw cause;
    const { code = "", message } = cause as NodeJS.ErrnoException;
    // A read-only or somebody else's file system. Node says ENOENT where it cannot make the first of several folders.
    if (!["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EEXIST"].includes(code))
      throw diskFailed(path, cause);
    const text = `Cannot make or write the queue's folder ${path}: ${message}; let this user (${process.getuid?.()}) write there, or name another folder (--queue-data)`;
    throw new RoundhouseError("BAD_CONFIG", text, { source: "downstream", cause });
  }
}

/**
 * An empty lock is nobody's too: that is what a full disk makes of it. On a disk that takes nothing the lock stays as it
 * was: it is nobody's when this process ends, and until then this process knows.
 */
function giveUp(lock: string): void {
  released.add(resolve(lock));
  try {
    writeFileSync(lock, "{}");
  } catch {
    // As said.
  }
}

/** Locks of this process that it holds no more, whatever their files say. */
const released = new Set<string>();

function diskFailed(path: string, cause: unknown): RoundhouseError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const text = `Cannot open the data directory ${path}: ${why}; the disk must take writes again first`;
  return new RoundhouseError("STORE_FAILED", text, { retryable: true, cause });
}

function readLabel(path: string): number | null {
  const text = readIfThere(join(path, LABEL));
  if (text === null) return null;
  const { format, tablets } = parse(text) as { format?: unknown; tablets?: unknown };
  if (format === FORMAT && typeof tablets === "number" && Number.isInteger(tablets) && tablets > 0)
    return tablets;
  throw new RoundhouseError(
    "DATA_FORMAT",
    `Cannot open the data directory ${path}: ${LABEL} says ${text.slice(0, 100).trim()}, and this program reads ` +
      `format ${FORMAT}; use the version of Roundhouse that wrote it, or another directory`,
  );
}

function writeLabel(path: string, tablets: number): number {
  if (!Number.isInteger(tablets) || tablets < 1 || tablets > 4096) {
    throw new RoundhouseError("BAD_CONFIG", `Cannot make ${tablets} tablets; 1 to 4096 are accepted`);
  }
  const temporary = join(path, `${LABEL}.new`);
  writeFileSync(temporary, `${JSON.stringify({ format: FORMAT, tablets })}\n`, { flush: true });
  renameSync(temporary, join(path, LABEL));
  syncFolder(path);
  return tablets;
}

/** Returns the path of the lock file that is now ours. */
function takeLock(path: string): string {
  const mine = join(path, `lock-${randomUUID()}.new`);
  try {
    writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
    for (;;) {
      const highest = highestLock(path);
      if (highest > 0) refuseLiving(path, join(path, `lock.${highest}`));
      const lock = join(path, `lock.${highest + 1}`);
      if (!linked(mine, lock)) continue; // another program was quicker: look who it is
      if (highestLock(path) > highest + 1) {
        unlinkSync(lock); // others came and went since we looked, and took our number away with them
        continue;
      }
      for (const n of lockNumbers(path)) if (n <= highest) removeIfThere(join(path, `lock.${n}`));
      return lock;
    }
  } finally {
    removeIfThere(mine);
  }
}

const highestLock = (path: string): number => Math.max(0, ...lockNumbers(path));

function lockNumbers(path: string): number[] {
  return readdirSync(path).flatMap((name) => {
    const number = /^lock\.(\d+)$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

function refuseLiving(path: string, lock: string): void {
  const holder = parse(readIfThere(lock) ?? "{}") as Partial<Holder>;
  if (holder.pid === undefined || holder.started === undefined) return;
  if (holder.pid === process.pid && released.has(resolve(lock))) return;
  if (startOf(holder.pid) !== holder.started) return;
  const who = holder.pid === process.pid ? "this process has it open" : `process ${holder.pid} uses it`;
  throw new RoundhouseError(
    "DATA_DIR_IN_USE",
    `Cannot open the data directory ${path}: ${who}; close the queue there, or choose another directory`,
  );
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
