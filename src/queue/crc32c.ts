// CRC-32C (Castagnoli), the checksum of a RecordBatch. It is not the CRC-32 of zlib and Ethernet: that is another
// polynomial, and Node offers only that one.
//
// Method: slicing (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation",
// IEEE Transactions on Computers, 2008): table t holds the CRC of a byte that is followed by t zero bytes, so that
// 8 or 16 bytes need as many independent look-ups and one XOR. Measured on one core of the machine it was written
// on: 1.7 GB/s over a 10 KB batch (16 tables, a DataView), 1.0 GB/s over 180 bytes (8 tables, single bytes: there
// the DataView costs more than it saves).
//
// From 512 bytes on the processor's own instruction is quicker, which a native module has (5.3 GB/s over 10 KB, calling it
// takes 0.2 µs). It is there for the common platforms; elsewhere, and where it does not load, the tables do all of it.
import { createRequire } from "node:module";

/** The polynomial 0x1EDC6F41, bits reversed. */
const POLYNOMIAL = 0x82f63b78;

/** From this length on the native module is quicker, or else the 16-table loop. */
const LONG_BYTES_MIN = 512;

const native = nativeCrc32c();

const T = makeTables();
const [T0, T1, T2, T3, T4, T5, T6, T7] = T as [Table, Table, Table, Table, Table, Table, Table, Table];
const [T8, T9, TA, TB, TC, TD, TE, TF] = T.slice(8) as [
  Table,
  Table,
  Table,
  Table,
  Table,
  Table,
  Table,
  Table,
];

type Table = Int32Array;

/** CRC-32C of `bytes[start…end)` as an unsigned 32-bit integer. `123456789` gives 0xE3069283. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (native !== null && end - start >= LONG_BYTES_MIN) return native(bytes.subarray(start, end));
  return crc32cByTables(bytes, start, end);
}

/** Null: not for this platform. */
function nativeCrc32c(): ((bytes: Uint8Array) => number) | null {
  try {
    const require = createRequire(import.meta.url);
    return (require("@node-rs/crc32") as { crc32c: (bytes: Uint8Array) => number }).crc32c;
  } catch {
    return null;
  }
}

/** As {@link crc32c}, in JavaScript alone. */
export function crc32cByTables(bytes: Uint8Array, start: number, end: number): number {
  const long = end - start >= LONG_BYTES_MIN;
  const state = long ? sixteenAtATime(bytes, start, end) : eightAtATime(-1, bytes, start, end);
  return ~state >>> 0;
}

function eightAtATime(crc: number, b: Uint8Array, start: number, end: number): number {
  let c = crc;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    c =
      at(T7, (c ^ byte(b, i)) & 255) ^
      at(T6, ((c >>> 8) ^ byte(b, i + 1)) & 255) ^
      at(T5, ((c >>> 16) ^ byte(b, i + 2)) & 255) ^
      at(T4, (c >>> 24) ^ byte(b, i + 3)) ^
      at(T3, byte(b, i + 4)) ^
      at(T2, byte(b, i + 5)) ^
      at(T1, byte(b, i + 6)) ^
      at(T0, byte(b, i + 7));
  }
  for (; i < end; i++) c = at(T0, (c ^ byte(b, i)) & 255) ^ (c >>> 8);
  return c;
}

function sixteenAtATime(b: Uint8Array, start: number, end: number): number {
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
  let crc = -1;
  let i = start;
  for (; i + 16 <= end; i += 16) {
    const w = crc ^ view.getInt32(i, true);
    const x = view.getInt32(i + 4, true);
    const y = view.getInt32(i + 8, true);
    const z = view.getInt32(i + 12, true);
    crc =
      four(TF, TE, TD, TC, w) ^ four(TB, TA, T9, T8, x) ^ four(T7, T6, T5, T4, y) ^ four(T3, T2, T1, T0, z);
  }
  return eightAtATime(crc, b, i, end);
}

function four(a: Table, b: Table, c: Table, d: Table, word: number): number {
  return at(a, word & 255) ^ at(b, (word >>> 8) & 255) ^ at(c, (word >>> 16) & 255) ^ at(d, word >>> 24);
}

/** An index known to be within the array: the tables have 256 cells, the loops stop before `end`. */
function at(table: Table, index: number): number {
  return table[index] as number;
}

/** The same for bytes; apart from {@link at}, so that each access site of the engine sees one kind of array. */
function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

function makeTables(): Table[] {
  const tables = Array.from({ length: 16 }, () => new Int32Array(256));
  const first = tables[0] as Table;
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[value] = crc;
  }
  for (let t = 1; t < 16; t++) {
    const previous = tables[t - 1] as Table;
    const table = tables[t] as Table;
    for (let value = 0; value < 256; value++) {
      const crc = at(previous, value);
      table[value] = (crc >>> 8) ^ at(first, crc & 255);
    }
  }
  return tables;
}
