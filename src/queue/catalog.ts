// The catalog: which topics there are, which shards they have and in which tablets those lie, and the epoch of each
// tablet. It is the control plane's own memory, in an environment of its own (catalog-table.ts); logs and positions are
// the tablets'.
import { openCatalogTable } from "./catalog-table.ts";
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

/**
 * What adds something rejects with DISK_FULL, before anything is written, where the disk has no room for it. After
 * STORE_FAILED a change may have been kept or not; the next one finds out which.
 */
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
/** Opens the catalog, or makes it. The caller holds the data directory's lock. */
export async function openCatalog(file: string, tabletCount: number): Promise<Catalog> {
  const table = await openCatalogTable(file);
  const { entries } = table;
  let nextShard = (entries.get(NEXT_SHARD) ?? 0) as number;
  const nextIds = new Map<IdSeries, number>();
  const before = (entries.get(EPOCHS) ?? []) as readonly number[];
  let epochs: readonly number[] = Array.from({ length: tabletCount }, (_, tablet) => before[tablet] ?? 0);
  let sorted: ReadonlyMap<string, TopicEntry> = new Map();
  let sortedAt = -1;

  function topics(): ReadonlyMap<string, TopicEntry> {
    if (sortedAt === table.version) return sorted;
    const found = valuesBelow<TopicEntry>(entries, TOPIC).sort((a, b) => firstShard(a) - firstShard(b));
    sorted = new Map(found.map((topic) => [topic.name, topic]));
    sortedAt = table.version;
    return sorted;
  }

  const add = (key: string, value: unknown): Promise<void> => table.write({ puts: [[key, value]] });

  async function changeEpochs(change: (epoch: number, tablet: number) => number): Promise<readonly number[]> {
    epochs = epochs.map(change);
    const changed = epochs;
    await table.write({ puts: [[EPOCHS, changed]], reserved: true });
    return changed;
  }

  return {
    topics: () => [...topics().values()],
    topic: (name) => topics().get(name) ?? null,
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
    put: (topic) => add(TOPIC + topic.name, topic),
    remove(name) {
      const shards = topics().get(name)?.shards ?? [];
      const puts = shards.map(({ shard, tablet }) => [DOOMED + shard, { shard, tablet }] as const);
      return table.write({ puts, removals: [TOPIC + name], reserved: true });
    },
    doomed: () => valuesBelow<DoomedShard>(entries, DOOMED),
    buried: (shard) => table.write({ removals: [DOOMED + shard], reserved: true }),
    async takeId(series) {
      const id = nextIds.get(series) ?? ((entries.get(NEXT_ID + series) ?? 0) as number);
      nextIds.set(series, id + 1);
      await add(NEXT_ID + series, id + 1);
      return id;
    },
    brokers: () => (entries.get(BROKERS) ?? null) as KeptBrokers | null,
    keepBrokers: (brokers) => add(BROKERS, brokers),
    copyTo: table.copyTo,
    close: table.close,
  };
}

function valuesBelow<T>(entries: ReadonlyMap<string, unknown>, prefix: string): T[] {
  const found: T[] = [];
  for (const [key, value] of entries) if (key.startsWith(prefix)) found.push(value as T);
  return found;
}

/** Shard numbers only rise, so they tell the order of creation, whatever the clock did. */
const firstShard = (topic: TopicEntry): number => topic.shards[0]?.shard ?? 0;
