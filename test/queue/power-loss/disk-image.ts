// What a disk may hold after a power cut: files and folders are followed through a trace, and at any moment an image
// can be made of what was synced, with any part of what was not. The rules are POSIX's, not those of one file system:
//
// - What fsync or fdatasync confirmed is there: the writes to that file that began before the sync began. A write
//   through a descriptor opened with O_DSYNC is there when it has returned.
// - Of the other writes each may be there as a whole, in part (by sectors of 512 bytes) or not at all, whatever the
//   order in which they were made.
// - Names (a file made, renamed, removed; a folder made) are there when their *folder* was synced. Before that, the
//   first so many changes of the folder are there, since file systems keep them in order.
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { DiskEvent } from "./disk-trace.ts";

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

/** A whole number from 0 to `below − 1`. */
export type Random = (below: number) => number;

interface PendingWrite {
  /** Place in the trace. */
  readonly index: number;
  readonly offset: number;
  /** Null: the file's length became `offset`. */
  readonly data: Buffer | null;
}

/** A file's or folder's identity, whatever it is called. */
interface Inode {
  kind: "file" | "folder";
  /** What is on the disk for certain. */
  durable: Buffer;
  pending: PendingWrite[];
  /** A folder's names that are there for certain. */
  names: Map<string, Inode>;
  /** Changes of names since its last sync; null removes the name. */
  pendingNames: { readonly index: number; readonly changes: readonly (readonly [string, Inode | null])[] }[];
}

/** Follows a trace event by event; `image` may be called at any moment. */
export interface DiskModel {
  apply(event: DiskEvent): void;
  /** Writes what may be there after a power cut now, below this folder. */
  image(target: string, random: Random): void;
}

/** A model of the disk below `root`, which was there and empty when the trace began. */
export function createDiskModel(root: string): DiskModel {
  const top = inode("folder");
  /** What the processes see: by path, whatever is on the disk. */
  const byPath = new Map<string, Inode>([[root, top]]);
  const byInode = new Map<bigint, Inode>();
  const syncs = new Map<string, number>();
  let index = 0;

  function rename(path: string, changes: (readonly [string, Inode | null])[]): void {
    byPath.get(dirname(path))?.pendingNames.push({ index, changes });
  }

  function appear(path: string, kind: Inode["kind"]): Inode {
    const made = inode(kind);
    byPath.set(path, made);
    rename(path, [[basename(path), made]]);
    return made;
  }

  function opened({ path, inode: number }: DiskEvent): void {
    byInode.set(number, byPath.get(path) ?? appear(path, "file"));
  }

  function moved({ kind, path, data }: DiskEvent): void {
    const to = data.toString();
    const file = byPath.get(path);
    if (file === undefined) return;
    byPath.set(to, file);
    if (kind === "R") byPath.delete(path);
    if (dirname(path) !== dirname(to)) throw new Error(`${path} went to another folder, ${to}: not modelled`);
    rename(
      to,
      kind === "R"
        ? [
            [basename(path), null],
            [basename(to), file],
          ]
        : [[basename(to), file]],
    );
  }

  function synced(event: DiskEvent): void {
    const began = syncs.get(syncKey(event)) ?? index;
    const target =
      byPath.get(event.path)?.kind === "folder" ? byPath.get(event.path) : byInode.get(event.inode);
    if (target !== undefined) settle(target, began);
  }

  return {
    apply(event) {
      const file = byInode.get(event.inode);
      if (event.kind === "O") opened(event);
      else if (event.kind === "M") appear(event.path, "folder");
      else if (event.kind === "R" || event.kind === "L") moved(event);
      else if (event.kind === "U") {
        byPath.delete(event.path);
        rename(event.path, [[basename(event.path), null]]);
      } else if (event.kind === "B") syncs.set(syncKey(event), index);
      else if (event.kind === "E") synced(event);
      else if (event.kind === "W") file?.pending.push({ index, offset: event.offset, data: event.data });
      else if (event.kind === "T") file?.pending.push({ index, offset: event.offset, data: null });
      else if (file !== undefined) settlePages(file, event.offset);
      index++;
    },
    image: (target, random) => write(top, target, random),
  };

  function syncKey({ pid, inode: number, path }: DiskEvent): string {
    return `${pid} ${number} ${path}`;
  }
}

function inode(kind: Inode["kind"]): Inode {
  return { kind, durable: Buffer.alloc(0), pending: [], names: new Map(), pendingNames: [] };
}

/** A sync that began at `began` has succeeded. */
function settle(target: Inode, began: number): void {
  for (const change of target.pending)
    if (change.index < began) target.durable = applied(target.durable, change);
  target.pending = target.pending.filter((change) => change.index >= began);
  for (const { index, changes } of target.pendingNames) if (index < began) setNames(target.names, changes);
  target.pendingNames = target.pendingNames.filter(({ index }) => index >= began);
}

/** A synchronous write at `offset` is done: the pages that it touched are on the disk as they were in memory. */
function settlePages(file: Inode, offset: number): void {
  const last = file.pending.findLast((change) => change.offset === offset && change.data !== null);
  if (last === undefined) return;
  const from = Math.floor(offset / PAGE_BYTES) * PAGE_BYTES;
  const to = Math.ceil((offset + (last.data?.length ?? 0)) / PAGE_BYTES) * PAGE_BYTES;
  for (const { data, offset: at } of file.pending) {
    if (data === null || at >= to || at + data.length <= from) continue;
    const begin = Math.max(at, from);
    const part = data.subarray(begin - at, Math.min(at + data.length, to) - at);
    file.durable = applied(file.durable, { index: 0, offset: begin, data: part });
  }
  file.pending = file.pending.filter((change) => change !== last);
}

function applied(bytes: Buffer, { offset, data }: PendingWrite): Buffer {
  if (data === null) return offset <= bytes.length ? bytes.subarray(0, offset) : grown(bytes, offset);
  const whole = grown(bytes, offset + data.length);
  data.copy(whole, offset);
  return whole;
}

/** At least this long; doubled behind the scenes, so that many small writes stay cheap. */
function grown(bytes: Buffer, length: number): Buffer {
  if (bytes.length >= length) return bytes;
  if (bytes.buffer.byteLength - bytes.byteOffset >= length) {
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    whole.fill(0, bytes.length);
    return whole;
  }
  const room = new ArrayBuffer(Math.max(length * 2, 65_536));
  const whole = Buffer.from(room, 0, length);
  bytes.copy(whole);
  return whole;
}

function setNames(names: Map<string, Inode>, changes: readonly (readonly [string, Inode | null])[]): void {
  for (const [name, file] of changes) {
    if (file === null) names.delete(name);
    else names.set(name, file);
  }
}

function write(target: Inode, path: string, random: Random): void {
  if (target.kind === "file") {
    writeFileSync(path, contents(target, random));
    return;
  }
  mkdirSync(path, { recursive: true });
  const names = new Map(target.names);
  const survivors = random(target.pendingNames.length + 1);
  for (const { changes } of target.pendingNames.slice(0, survivors)) setNames(names, changes);
  for (const [name, file] of names) write(file, join(path, name), random);
}

/** What was synced, and of the rest what chance has kept. */
function contents(file: Inode, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(file.durable);
  const mood = random(4); // a disk that kept nothing, all, whole writes, or sectors
  for (const change of file.pending) {
    if (mood === 0 || (mood === 2 && random(2) === 0)) continue;
    if (mood === 1 || mood === 2 || change.data === null) bytes = applied(bytes, change);
    else bytes = withSectors(bytes, change.offset, change.data, random);
  }
  return bytes;
}

function withSectors(before: Buffer, offset: number, data: Buffer, random: Random): Buffer {
  let bytes: Buffer = before;
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    if (random(2) === 0)
      bytes = applied(bytes, { index: 0, offset: offset + at, data: data.subarray(at, end) });
    at = end;
  }
  return bytes;
}

/** Where a path of the traced disk lies in an image. */
export function inImage(root: string, image: string, path: string): string {
  return join(image, relative(root, path));
}
