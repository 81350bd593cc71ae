// Looks at a tablet file before LMDB does: LMDB maps whatever it finds and may take the whole process down over a file
// that is not its own, or that has been cut short. This reads its two meta pages only (mdb.c, MDB_meta); damage
// further in is found by the batches' checksums.
//
//   page header 24 · magic u32 · version u32 · address u64 · map size u64
//   · free list: page size u32 … (48 bytes) · main table: … root page u64 (48 bytes) · last page u64 · transaction u64
//
// Numbers are little-endian: LMDB uses the machine's order, and lmdb-js has binaries for such machines only.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const MAGIC = 0xbeef_c0de;
const MAGIC_AT = 24;
const VERSION_AT = 28;
const PAGE_SIZE_AT = 48;
const FREE_ROOT_AT = 88;
const MAIN_ROOT_AT = 136;
const META_BYTES = 160;
/** The root of an empty table. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/** Why LMDB must not open this file, in words; null when it may, or when there is no file or an empty one. */
export function tabletFileFault(file: string): string | null {
  const descriptor = openIfThere(file);
  if (descriptor === null) return null;
  try {
    const size = fstatSync(descriptor).size;
    if (size === 0) return null;
    return metaFault(descriptor, 0, size) ?? metaFault(descriptor, pageSizeOf(descriptor), size);
  } finally {
    closeSync(descriptor);
  }
}

function openIfThere(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function metaFault(descriptor: number, at: number, size: number): string | null {
  const meta = Buffer.alloc(META_BYTES);
  if (readSync(descriptor, meta, 0, META_BYTES, at) < META_BYTES) return `it has only ${size} bytes`;
  if (meta.readUInt32LE(MAGIC_AT) !== MAGIC) return "it is not a tablet file";
  const version = meta.readUInt32LE(VERSION_AT);
  if (version !== 2) return `it is an LMDB file of format ${version}, and 2 is expected`;
  const pages = BigInt(Math.floor(size / meta.readUInt32LE(PAGE_SIZE_AT)));
  for (const rootAt of [FREE_ROOT_AT, MAIN_ROOT_AT]) {
    const root = meta.readBigUInt64LE(rootAt);
    if (root !== NO_PAGE && root >= pages) return `it has been cut short: ${size} bytes are left`;
  }
  return null;
}

/** The page size, where the second meta page begins; the first one has been found sound. */
function pageSizeOf(descriptor: number): number {
  const meta = Buffer.alloc(META_BYTES);
  readSync(descriptor, meta, 0, META_BYTES, 0);
  return meta.readUInt32LE(PAGE_SIZE_AT);
}
