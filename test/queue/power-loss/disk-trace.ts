// Reads what disk-trace.c recorded: the traces of all processes that had the same files, as one list in order of time.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** See the table in disk-trace.c. */
export type DiskEventKind = "O" | "M" | "W" | "D" | "T" | "B" | "E" | "R" | "L" | "U";

export interface DiskEvent {
  readonly kind: DiskEventKind;
  /** The clock that process.hrtime.bigint() reads, in ns. */
  readonly timeNs: bigint;
  readonly pid: number;
  /** 0 where the event is about a name alone. */
  readonly inode: bigint;
  readonly path: string;
  /** Of a write; for `T` the file's new length. */
  readonly offset: number;
  /** The bytes of a write; the other name of `R` and `L`. */
  readonly data: Buffer;
}

/** What the processes with this DISK_TRACE_FILE did. */
export function readDiskTrace(file: string): readonly DiskEvent[] {
  const prefix = `${basename(file)}.`;
  const names = readdirSync(dirname(file)).filter((name) => name.startsWith(prefix));
  return names
    .flatMap((name) => parse(readFileSync(join(dirname(file), name)), Number(name.slice(prefix.length))))
    .sort((a, b) => Number(a.timeNs - b.timeNs));
}

const HEAD_BYTES = 33;

function parse(bytes: Buffer, pid: number): DiskEvent[] {
  const events: DiskEvent[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= bytes.length) {
    const dataAt = at + HEAD_BYTES + bytes.readUInt32LE(at + 25);
    const end = dataAt + bytes.readUInt32LE(at + 29);
    if (end > bytes.length) break; // the process was killed in the midst of its last record
    events.push({
      kind: String.fromCharCode(bytes[at] as number) as DiskEventKind,
      timeNs: bytes.readBigUInt64LE(at + 1),
      pid,
      inode: bytes.readBigUInt64LE(at + 9),
      offset: Number(bytes.readBigUInt64LE(at + 17)),
      path: bytes.toString("utf8", at + HEAD_BYTES, dataAt),
      data: bytes.subarray(dataAt, end),
    });
    at = end;
  }
  return events;
}
