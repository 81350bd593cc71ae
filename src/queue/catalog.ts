// The catalog: which topics there are, which shards they have and in which tablets those lie, and the epoch of each
// tablet. It is the control plane's own memory, in an environment of its own; logs and positions are the tablets'.
import { dirname } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { RoundhouseError } from "../errors.ts";
import { syncFolder } from "./durable-folder.ts";
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
}

export interface Catalog {
  /** By name, in the order of their creation. */
  topics(): readonly TopicEntry[];
  topic(name: string): TopicEntry | null;
  /** Raises the epoch of every tablet and makes that durable: what an owner does before it opens any. */
  raiseEpochs(): Promise<readonly number[]>;
  /** Numbers for so many new shards; durable, and never given twice. */
  reserveShards(count: number): Promise<number>;
  put(topic: TopicEntry): Promise<void>;
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

const EPOCHS = "epochs";
const NEXT_SHARD = "next-shard";
const TOPIC = "topic/";
const FORMAT_KEY = "format";
const FORMAT = 1;

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
  const format = table.get(FORMAT_KEY) ?? FORMAT;
  if (format !== FORMAT) {
    await table.close();
    const text = `its format is ${JSON.stringify(format)}, and this program reads format ${FORMAT}`;
    throw new RoundhouseError("DATA_FORMAT", `Cannot open the catalog ${file}: ${text}`);
  }
  await table.put(FORMAT_KEY, FORMAT);
  syncFolder(dirname(file));
  const topics = new Map<string, TopicEntry>();
  for (const { value } of table.getRange({ start: TOPIC, end: `${TOPIC}\uffff` })) {
    const topic = value as TopicEntry;
    topics.set(topic.name, topic);
  }
  const byAge = [...topics.values()].sort((a, b) => firstShard(a) - firstShard(b));
  topics.clear();
  for (const topic of byAge) topics.set(topic.name, topic);

  let nextShard = (table.get(NEXT_SHARD) ?? 0) as number;

  return {
    topics: () => [...topics.values()],
    topic: (name) => topics.get(name) ?? null,
    async raiseEpochs() {
      const before = (table.get(EPOCHS) ?? []) as readonly number[];
      const epochs = Array.from({ length: tabletCount }, (_, tablet) => (before[tablet] ?? 0) + 1);
      await table.put(EPOCHS, epochs);
      return epochs;
    },
    async reserveShards(count) {
      const first = nextShard;
      nextShard += count;
      await table.put(NEXT_SHARD, nextShard);
      return first;
    },
    async put(topic) {
      await table.put(TOPIC + topic.name, topic);
      topics.set(topic.name, topic);
    },
    async remove(name) {
      await table.remove(TOPIC + name);
      topics.delete(name);
    },
    close: () => table.close(),
  };
}

/** Shard numbers only rise, so they tell the order of creation, whatever the clock did. */
const firstShard = (topic: TopicEntry): number => topic.shards[0]?.shard ?? 0;
