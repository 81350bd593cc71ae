// The catalog: which topics there are, which shards they have and in which tablets those lie, and the epoch of each
// tablet. It is the control plane's own memory, in an environment of its own; logs and positions are the tablets'.
import { dirname } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { RoundhouseError } from "../errors.ts";
import { syncFolder } from "./durable-folder.ts";
import { createDiskRoom } from "./stores/disk-room.ts";
import { copyTable } from "./stores/lmdb-copy.ts";
import { reusableBytes } from "./stores/lmdb-environment.ts";
import { committed } from "./stores/lmdb-failure.ts";
import { tabletFileFault } from "./stores/lmdb-file.ts";
import type { Retention } from "./tablet.ts";

export interface ShardEntry {
  /** As people call it: P1, P2 … unless it was named otherwise. */
  readonly name: string;
  /** Unique in the data directory, and never used again: what the tablet knows it by. */
  readonly shard: number;
  /** Its seat on the topic's ring, from 1 in the order of creation. */
  readonly seat: number;
  readonly tablet: number;
}

export interface TopicEntry {
  readonly name: string;
  /** In the order of their creation. */
  readonly shards: readonly ShardEntry[];
  readonly retention: Retention;
  readonly createdAtMs: number;
  /** True for a scratch topic, which lists leave out. */
  readonly hidden?: true;
}

/** A shard whose topic is gone, and whose contents still have to be removed from its tablet. */
export interface DoomedShard {
  readonly shard: number;
  readonly tablet: number;
}

/** Ids are counted from 0 in each series for itself, and never given twice. */
export type IdSeries =
  | "producer" // registrations of the course's contract
  | "consumer" // the same
  | "native-producer"; // idempotent producers of the native API

export interface KeptBrokers {
  /** The count that the program was started with then: another one is a newer wish. */
  readonly startedWith: number;
  readonly names: readonly string[];
}

/** What adds something rejects with DISK_FULL, before anything is written, where the disk has no room for it. */
export interface Catalog {
  /** By name, in the order of their creation. */
  topics(): readonly TopicEntry[];
  topic(name: string): TopicEntry | null;
  /** By tablet number: the epoch of its last opening, 0 when there was none. */
  epochs(): readonly number[];
  /** Makes the epochs of these tablets' next openings durable; they only rise. */
  setEpochs(changes: ReadonlyMap<number, number>): Promise<void>;
  /** Raises the epoch of every tablet and makes that durable: what a single owner does before it opens any. */
  raiseEpochs(): Promise<readonly number[]>;
  /** Numbers for so many new shards; durable, and never given twice. */
  reserveShards(count: number): Promise<number>;
  put(topic: TopicEntry): Promise<void>;
  /** Its shards are doomed from now on. */
  remove(name: string): Promise<void>;
  doomed(): readonly DoomedShard[];
  /** The contents of a doomed shard are gone. */
  buried(shard: number): Promise<void>;
  /** The next id of this series, from 0; durable, and never given twice. */
  takeId(series: IdSeries): Promise<number>;
  /** The brokers that there were to be when that was last changed; null: it never was. */
  brokers(): KeptBrokers | null;
  keepBrokers(brokers: KeptBrokers): Promise<void>;
  /** Copies what is committed now into this file, which must not exist. */
  copyTo(file: string): Promise<void>;
  close(): Promise<void>;
}

const EPOCHS = "epochs";
const NEXT_SHARD = "next-shard";
const TOPIC = "topic/";
const DOOMED = "doomed/";
const NEXT_ID = "next-id/";
const BROKERS = "brokers";
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

/** Opens the catalog, or makes it. The caller holds the data directory's lock. */
export async function openCatalog(file: string, tabletCount: number): Promise<Catalog> {
  const fault = tabletFileFault(file);
  if (fault !== null) throw new RoundhouseError("DATA_FORMAT", `Cannot open the catalog ${file}: ${fault}`);
  const table: RootDatabase<unknown, string> = open({
    path: file,
    noSubdir: true,
    maxDbs: 1,
    encoding: "json",
    overlappingSync: false,
    eventTurnBatching: false,
  });
  const kept = <T>(commit: Promise<T>): Promise<T> => committed(commit, file);
  const format = table.get(FORMAT_KEY) ?? FORMAT;
  if (format !== FORMAT) {
    await table.close();
    const text = `its format is ${JSON.stringify(format)}, and this program reads format ${FORMAT}`;
    throw new RoundhouseError("DATA_FORMAT", `Cannot open the catalog ${file}: ${text}`);
  }
  if (!table.doesExist(FORMAT_KEY)) await kept(table.put(FORMAT_KEY, FORMAT));
  const room = createDiskRoom(dirname(file));
  await reserve();
  syncFolder(dirname(file));
  const topics = new Map<string, TopicEntry>();
  const found = [...valuesBelow<TopicEntry>(table, TOPIC)];
  for (const topic of found.sort((a, b) => firstShard(a) - firstShard(b))) topics.set(topic.name, topic);
  const doomed = new Map<number, DoomedShard>();
  for (const shard of valuesBelow<DoomedShard>(table, DOOMED)) doomed.set(shard.shard, shard);
  let nextShard = (table.get(NEXT_SHARD) ?? 0) as number;
  const nextIds = new Map<IdSeries, number>();
  const before = (table.get(EPOCHS) ?? []) as readonly number[];
  let epochs: readonly number[] = Array.from({ length: tabletCount }, (_, tablet) => before[tablet] ?? 0);

  /** Pages that are written and given back stay the file's. */
  async function reserve(): Promise<void> {
    if (reusableBytes(table) >= RESERVE_BYTES || !room.covers(2 * RESERVE_BYTES)) return;
    await kept(table.put(RESERVE, "x".repeat(RESERVE_BYTES)));
    await kept(table.remove(RESERVE));
  }

  /** LMDB's native code does not always survive a commit that the disk cuts short: what would grow the file is refused. */
  async function add(key: string, value: unknown): Promise<void> {
    const bytes = CHANGE_BYTES + Buffer.byteLength(JSON.stringify(value));
    if (!room.covers(bytes) && reusableBytes(table) < RESERVE_BYTES + 2 * bytes) throw diskFull();
    await kept(table.put(key, value));
  }

  async function changeEpochs(change: (epoch: number, tablet: number) => number): Promise<readonly number[]> {
    epochs = epochs.map(change);
    await kept(table.put(EPOCHS, epochs));
    return epochs;
  }

  return {
    topics: () => [...topics.values()],
    topic: (name) => topics.get(name) ?? null,
    epochs: () => epochs,
    async setEpochs(changes) {
      await changeEpochs((epoch, tablet) => Math.max(epoch, changes.get(tablet) ?? 0));
    },
    raiseEpochs: () => changeEpochs((epoch) => epoch + 1),
    async reserveShards(count) {
      const first = nextShard;
      nextShard += count;
      await add(NEXT_SHARD, nextShard);
      return first;
    },
    async put(topic) {
      await add(TOPIC + topic.name, topic);
      topics.set(topic.name, topic);
    },
    async remove(name) {
      const shards = topics.get(name)?.shards ?? [];
      const removal = table.transaction(() => {
        table.remove(TOPIC + name);
        for (const { shard, tablet } of shards) table.put(DOOMED + shard, { shard, tablet });
      });
      await kept(removal);
      topics.delete(name);
      for (const { shard, tablet } of shards) doomed.set(shard, { shard, tablet });
    },
    doomed: () => [...doomed.values()],
    async buried(shard) {
      await kept(table.remove(DOOMED + shard));
      doomed.delete(shard);
    },
    async takeId(series) {
      const id = nextIds.get(series) ?? ((table.get(NEXT_ID + series) ?? 0) as number);
      nextIds.set(series, id + 1);
      await add(NEXT_ID + series, id + 1);
      return id;
    },
    brokers: () => (table.get(BROKERS) ?? null) as KeptBrokers | null,
    async keepBrokers(brokers) {
      await add(BROKERS, brokers);
    },
    copyTo: (to) => copyTable(table, to),
    close: () => table.close(),
  };
}

function diskFull(): RoundhouseError {
  const text =
    "Cannot change the queue's catalog: the disk is full; make room, or delete topics, and try again";
  return new RoundhouseError("DISK_FULL", text, { retryable: true });
}

function* valuesBelow<T>(table: RootDatabase<unknown, string>, prefix: string): Generator<T> {
  for (const { value } of table.getRange({ start: prefix, end: `${prefix}\uffff` })) yield value as T;
}

/** Shard numbers only rise, so they tell the order of creation, whatever the clock did. */
const firstShard = (topic: TopicEntry): number => topic.shards[0]?.shard ?? 0;
