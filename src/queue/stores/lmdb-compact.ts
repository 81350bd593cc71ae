// A tablet's file replaced by its smallest form while the tablet is open. Nothing may be written meanwhile (the caller
// holds the commits back); reads go on from the old environment until the new one is there.
//
//   copy beside the file, synced ──▶ opened ──▶ still ours? ──▶ renamed over the file ──▶ folder synced
//
// Whatever happens, one of the two is there whole: the old file until the rename, the copy after it, and both hold all
// that was ever acknowledged. A copy that a crash has left is removed by the next open.
import { renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { RoundhouseError } from "../../errors.ts";
import { syncFolder } from "../durable-folder.ts";
import type { Durability } from "../tablet.ts";
import { hasRoom } from "./disk-room.ts";
import { copyTable } from "./lmdb-copy.ts";
import { neededBytes, openFile, type TabletTable } from "./lmdb-environment.ts";
import { LABEL_KEY } from "./lmdb-layout.ts";

export interface CompactOptions {
  readonly file: string;
  readonly epoch: number;
  readonly durability: Durability;
}

/** Beside a copy that filled the disk not even this fits. */
const ROOM_PROBE_BYTES = 1024 * 1024;

const smallOf = (file: string): string => `${file}.small`;

/** What a compaction that was cut short has left beside the file. */
export function removeLeftCopy(file: string): void {
  for (const left of [smallOf(file), `${smallOf(file)}-lock`]) rmSync(left, { force: true });
}

/**
 * The environment of the file's smallest form, which has taken the file's place; the old one is still to be closed.
 * DISK_FULL and FENCED: nothing has changed. STORE_FAILED: which of the two a power cut would leave is not known.
 */
export async function replaceBySmallest(table: TabletTable, options: CompactOptions): Promise<TabletTable> {
  const { file, durability } = options;
  const small = smallOf(file);
  requireRoom(file, neededBytes(table));
  let next: TabletTable | null = null;
  try {
    removeLeftCopy(file);
    await copyTable(table, small);
    next = openFile(small, durability);
    for (const one of [table, next]) requireEpoch(one, options);
    renameSync(small, file);
  } catch (error) {
    const full = !(error instanceof RoundhouseError) && !(await hasRoom(dirname(file), ROOM_PROBE_BYTES));
    await next?.close();
    removeLeftCopy(file);
    throw full ? diskFull(file, "the copy has filled the disk") : error;
  }
  try {
    syncNames(file);
    return next;
  } catch (error) {
    await next.close(); // whoever opens the tablet anew finds no environment of ours on this file
    throw error;
  }
}

function requireRoom(file: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(dirname(file));
  if (bytes <= bavail * bsize) return;
  throw diskFull(file, `its copy needs ${bytes} bytes for a while, and ${bavail * bsize} are free`);
}

function diskFull(file: string, why: string): RoundhouseError {
  const text = `Cannot compact ${basename(file)}: ${why}; make room, or let retention take messages away, and try again`;
  return new RoundhouseError("DISK_FULL", `${text}. Nothing has changed`, { retryable: true });
}

/** An owner that has been replaced must not put its copy over its successor's file. */
function requireEpoch(table: TabletTable, { file, epoch }: CompactOptions): void {
  const found = table.getEntry(LABEL_KEY)?.version;
  if (found === epoch) return;
  const text = `Cannot compact ${basename(file)} at epoch ${epoch}: it has been opened at epoch ${found}`;
  throw new RoundhouseError("FENCED", text);
}

/** The table of readers goes with its file; the old one stays with the old environment, which has it open. */
function syncNames(file: string): void {
  try {
    renameSync(`${smallOf(file)}-lock`, `${file}-lock`);
    syncFolder(dirname(file));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const text = `the disk failed to make the name of ${basename(file)} durable after it was compacted (${why})`;
    throw new RoundhouseError("STORE_FAILED", text, { cause });
  }
}

export const sizeOf = (file: string): number => statSync(file).size;
