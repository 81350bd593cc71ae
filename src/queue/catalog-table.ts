// The catalog's environment on the disk: one commit at a time, and opened anew after one that has failed. What the keys
// mean is catalog.ts's.
//
// LMDB refuses everything once it could not write the page that names the new root (MDB_PANIC), and lmdb-js then never
// answers and holds a lock that blocks the event loop at the closing: so nothing may be begun behind such a commit.
import { dirname } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { RoundhouseError } from "../errors.ts";
import { syncFolder } from "./durable-folder.ts";
import { createDiskRoom } from "./stores/disk-room.ts";
import { copyTable } from "./stores/lmdb-copy.ts";
import { reusableBytes } from "./stores/lmdb-environment.ts";
import { committed } from "./stores/lmdb-failure.ts";
import { tabletFileFault } from "./stores/lmdb-file.ts";

type Table = RootDatabase<unknown, string>;

export interface CatalogTable {
  /** Key and value of all that is committed, as far as is known: read at each opening, and kept up. */
  readonly entries: ReadonlyMap<string, unknown>;
  /** Another one after each change of the entries. */
  readonly version: number;
  /** Durable when it resolves, all or nothing. Rejects with DISK_FULL when what is added has no room. */
  write(change: CatalogChange): Promise<void>;
  /** Copies what is committed now into this file, which must not exist. */
  copyTo(file: string): Promise<void>;
  close(): Promise<void>;
}

export interface CatalogChange {
  readonly puts?: readonly (readonly [key: string, value: unknown])[];
  readonly removals?: readonly string[];
  /** True for what must be written though the disk is full; see {@link RESERVE_BYTES}. Default false. */
  readonly reserved?: boolean;
}

interface Waiting {
  readonly change: CatalogChange;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const FORMAT_KEY = "format";
const FORMAT = 1;
const RESERVE = "reserve";
/**
 * Room inside the file for what must be written though the disk is full: epochs, so that tablets can change hands, and
 * removals, by which an operator makes room. Each of these gives back nearly as many pages as it takes.
 */
const RESERVE_BYTES = 256 * 1024;
/** Pages that any change may write besides its value: the way down the tree, and the list of free pages. */
const CHANGE_BYTES = 64 * 1024;

/** Opens the file, or makes it. Rejects with DATA_FORMAT or STORE_FAILED. */
export async function openCatalogTable(file: string): Promise<CatalogTable> {
  /** Null after a commit that has failed: what the disk holds is found out by opening it anew. */
  let table: Table | null = null;
  let version = 0;
  let closed = false;
  let waiting: Waiting[] = [];
  let running: Promise<void> | null = null;
  const entries = new Map<string, unknown>();
  const room = createDiskRoom(dirname(file));
  await opened();

  /** The environment; opened, if it is not. */
  async function opened(): Promise<Table> {
    if (table !== null) return table;
    const found = await openFile(file);
    try {
      load(found);
      await prepare(found);
    } catch (error) {
      await found.close();
      throw notOpened(file, error);
    }
    table = found;
    return found;
  }

  function load(found: Table): void {
    entries.clear();
    for (const { key, value } of found.getRange({})) if (key !== RESERVE) entries.set(key, value);
    version++;
  }

  /** Pages that are written and given back stay the file's. */
  async function prepare(found: Table): Promise<void> {
    if (!entries.has(FORMAT_KEY)) await committed(found.put(FORMAT_KEY, FORMAT), file);
    if (reusableBytes(found) < RESERVE_BYTES && room.covers(2 * RESERVE_BYTES)) {
      await committed(found.put(RESERVE, "x".repeat(RESERVE_BYTES)), file);
      await committed(found.remove(RESERVE), file);
    }
    syncFolder(dirname(file));
  }

  /** LMDB's native code does not always survive a commit that the disk cuts short: what would grow the file is refused. */
  function fits(found: Table, bytes: number): boolean {
    return room.covers(bytes) || reusableBytes(found) >= RESERVE_BYTES + 2 * bytes;
  }

  /** What came while the last commit was under way is the next one. */
  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const works = waiting;
      waiting = [];
      await commit(works).catch((error: unknown) => {
        for (const { reject } of works) reject(error);
      });
    }
    running = null;
  }

  async function commit(works: readonly Waiting[]): Promise<void> {
    const found = await opened();
    const fitting = refuseWhatHasNoRoom(found, works);
    if (fitting.length === 0) return;
    table = null;
    try {
      const changes = () => {
        for (const { change } of fitting) stage(found, change);
      };
      await committed(found.batch(changes), file);
    } catch (error) {
      await found.close();
      throw error;
    }
    table = found;
    for (const { change } of fitting) keep(change);
    version++;
    for (const { resolve } of fitting) resolve();
  }

  function refuseWhatHasNoRoom(found: Table, works: readonly Waiting[]): readonly Waiting[] {
    let bytes = 0;
    return works.filter(({ change, reject }) => {
      if (change.reserved === true) return true;
      bytes += bytesOf(change);
      if (fits(found, bytes)) return true;
      reject(diskFull());
      return false;
    });
  }

  function keep({ puts = [], removals = [] }: CatalogChange): void {
    for (const [key, value] of puts) entries.set(key, value);
    for (const key of removals) entries.delete(key);
  }

  return {
    entries,
    get version() {
      return version;
    },
    write(change) {
      if (closed)
        return Promise.reject(new RoundhouseError("SHUTTING_DOWN", "The queue's catalog is closed."));
      return new Promise((resolve, reject) => {
        waiting.push({ change, resolve, reject });
        running ??= run();
      });
    },
    async copyTo(to) {
      await running;
      await copyTable(await opened(), to);
    },
    async close() {
      closed = true;
      await running;
      await table?.close();
    },
  };
}

function stage(table: Table, { puts = [], removals = [] }: CatalogChange): void {
  for (const [key, value] of puts) table.put(key, value);
  for (const key of removals) table.remove(key);
}

const bytesOf = ({ puts = [] }: CatalogChange): number =>
  puts.reduce((sum, [, value]) => sum + CHANGE_BYTES + Buffer.byteLength(JSON.stringify(value)), 0);

async function openFile(file: string): Promise<Table> {
  const table = openSound(file);
  const format = table.get(FORMAT_KEY) ?? FORMAT;
  if (format === FORMAT) return table;
  await table.close();
  const text = `its format is ${JSON.stringify(format)}, and this program reads format ${FORMAT}`;
  throw new RoundhouseError("DATA_FORMAT", `Cannot open the catalog ${file}: ${text}`);
}

function openSound(file: string): Table {
  try {
    const fault = tabletFileFault(file);
    if (fault !== null) throw new RoundhouseError("DATA_FORMAT", `Cannot open the catalog ${file}: ${fault}`);
    return open({
      path: file,
      noSubdir: true,
      maxDbs: 1,
      encoding: "json",
      overlappingSync: false,
      eventTurnBatching: false,
    });
  } catch (error) {
    throw notOpened(file, error);
  }
}

/** What the system or LMDB says, in words. */
function notOpened(file: string, cause: unknown): RoundhouseError {
  if (cause instanceof RoundhouseError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  const text = `Cannot open the catalog ${file}: ${why}`;
  return new RoundhouseError("STORE_FAILED", text, { cause, retryable: true });
}

function diskFull(): RoundhouseError {
  const text =
    "Cannot change the queue's catalog: the disk is full; make room, or delete topics, and try again";
  return new RoundhouseError("DISK_FULL", text, { retryable: true });
}
