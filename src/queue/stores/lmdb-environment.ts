// One LMDB environment, opened the way a log needs it, and claimed for one epoch. Everything that must be known about
// lmdb-js stands here:
//
// - `overlappingSync: false`: with the default, a commit is readable and acknowledged before it is synced. That is
//   what durability "written" asks for. `noSync` and `useWritemap` can lose or damage the whole tablet: never used.
// - `eventTurnBatching: false`: our own group commit decides what becomes one transaction; and with it on, a failed
//   commit also raises a rejection that nobody can catch.
// - `useVersions`: each entry carries a number. The label's is the epoch, and every transaction is conditional on it.
// - No transaction callback, no iterator and no read transaction outlives its turn of the event loop.
import { dirname } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { RoundhouseError } from "../../errors.ts";
import { makeFolder, syncFolder } from "../durable-folder.ts";
import { takeBuffer } from "../reused-memory.ts";
import type { Durability } from "../tablet.ts";
import { committed } from "./lmdb-failure.ts";
import { tabletFileFault } from "./lmdb-file.ts";
import { FORMAT, LABEL_KEY, type TabletLabel } from "./lmdb-layout.ts";

export type TabletTable = RootDatabase<Buffer, Buffer>;

/** Address space reserved, not disk: LMDB grows the file as needed, and remaps when it outgrows this. */
const MAP_BYTES = 64 * 1024 ** 3;

export interface EnvironmentOptions {
  readonly file: string;
  readonly tablet: number;
  /** Must be higher than that of every owner before. */
  readonly epoch: number;
  readonly owner: string;
  readonly durability: Durability;
}

/** Opens the environment, making it if it is missing, and writes the epoch. Rejects with DATA_FORMAT or FENCED. */
export async function openEnvironment(options: EnvironmentOptions): Promise<TabletTable> {
  makeFolder(dirname(options.file));
  const table = openFile(options.file, options.durability);
  try {
    await claim(table, options);
    syncFolder(dirname(options.file));
    return table;
  } catch (error) {
    await table.close();
    throw error;
  }
}

/** Room in the file that deleted entries have left, as far as it can be told: that of its pages that hold nothing. */
export function reusableBytes(table: Pick<TabletTable, "getStats">): number {
  const stats = table.getStats() as PageCounts & { readonly free?: PageCounts };
  const { pageSize = 4096, lastPageNumber = 0, free = {} } = stats;
  return Math.max(0, lastPageNumber - 1 - pagesOf(stats) - pagesOf(free)) * pageSize;
}

/** Bytes of the pages in use: what a copy has. */
export function neededBytes(table: TabletTable): number {
  const stats = table.getStats() as PageCounts;
  return (pagesOf(stats) + 2) * (stats.pageSize ?? 4096);
}

/** As lmdb-js has them of an environment's main table, and of its list of free pages. */
interface PageCounts {
  readonly pageSize?: number;
  readonly lastPageNumber?: number;
  readonly treeBranchPageCount?: number;
  readonly treeLeafPageCount?: number;
  readonly overflowPages?: number;
}

const pagesOf = ({ treeBranchPageCount = 0, treeLeafPageCount = 0, overflowPages = 0 }: PageCounts): number =>
  treeBranchPageCount + treeLeafPageCount + overflowPages;

/**
 * What lmdb-js asks for the value of an entry that it iterates over: it lends its own buffer, whose `length` is the
 * value's. By itself it would slice it, which fills the new buffer with zeros before it copies.
 */
const copiedValues = {
  encode: (value: Buffer): Buffer => value,
  decode({ buffer, byteOffset, length }: Buffer): Buffer {
    const copy = takeBuffer(length);
    copy.set(new Uint8Array(buffer, byteOffset, length));
    return copy;
  },
};

/** One that is there already, or an empty one; see {@link openEnvironment} for the rest. */
export function openFile(file: string, durability: Durability): TabletTable {
  const fault = tabletFileFault(file);
  if (fault !== null)
    throw new RoundhouseError("DATA_FORMAT", `Cannot open the tablet file ${file}: ${fault}`);
  try {
    return open<Buffer, Buffer>({
      path: file,
      noSubdir: true,
      maxDbs: 1,
      mapSize: MAP_BYTES,
      keyEncoding: "binary",
      encoding: "binary",
      encoder: copiedValues,
      useVersions: true,
      overlappingSync: durability === "written",
      eventTurnBatching: false,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RoundhouseError("DATA_FORMAT", `Cannot open the tablet file ${file}: ${why}`, { cause });
  }
}

/** Raises the epoch, if it is not ours or higher already: from then on an older owner's transactions fail. */
async function claim(table: TabletTable, { file, tablet, epoch, owner }: EnvironmentOptions): Promise<void> {
  const found = table.getEntry(LABEL_KEY);
  if (found !== undefined) checkLabel(parseLabel(found.value), file, tablet);
  const before = found?.version ?? 0;
  if (before >= epoch) throw outdated(file, epoch, before);
  const label: TabletLabel = { format: FORMAT, tablet, owner };
  const value = Buffer.from(JSON.stringify(label));
  const put = () => void table.put(LABEL_KEY, value, epoch);
  const claimed =
    found === undefined ? table.ifNoExists(LABEL_KEY, put) : table.ifVersion(LABEL_KEY, before, put);
  const mine = await committed(claimed, file);
  if (!mine) throw outdated(file, epoch, table.getEntry(LABEL_KEY)?.version ?? before);
}

function parseLabel(bytes: Buffer): Partial<TabletLabel> {
  try {
    return JSON.parse(bytes.toString()) as Partial<TabletLabel>;
  } catch {
    return {};
  }
}

function checkLabel(label: Partial<TabletLabel>, file: string, tablet: number): void {
  if (label.format !== FORMAT) {
    throw new RoundhouseError(
      "DATA_FORMAT",
      `Cannot open the tablet file ${file}: its format is ${label.format}, and this program reads format ${FORMAT}; ` +
        "use the version of Roundhouse that wrote it",
    );
  }
  if (label.tablet === tablet) return;
  throw new RoundhouseError(
    "DATA_FORMAT",
    `Cannot open the tablet file ${file}: it holds tablet ${label.tablet} where tablet ${tablet} was expected; ` +
      "a file of the data directory has been renamed or copied",
  );
}

function outdated(file: string, epoch: number, found: number): RoundhouseError {
  return new RoundhouseError(
    "FENCED",
    `Cannot open the tablet file ${file} at epoch ${epoch}: it has been opened at epoch ${found}, ` +
      "and only a higher one may follow",
    { cause: { epoch: found } },
  );
}
