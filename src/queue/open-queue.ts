// Opens the queue of one process: joins the directory, the catalog, the tablets and the consumers. What it offers is
// declared in queue.ts; this file holds no format and no log.
import { join } from "node:path";
import { RoundhouseError } from "../errors.ts";
import { inBallastRoom, layBallast } from "./ballast.ts";
import { openCatalog, type ShardEntry, type TopicEntry } from "./catalog.ts";
import { openConsumer } from "./consumer.ts";
import { createTopicChanges, type ShardKeeper, tooMany } from "./control/topic-changes.ts";
import { openDataDir } from "./data-dir.ts";
import type {
  Produced,
  ProduceOptions,
  Queue,
  QueueOptions,
  ShardInfo,
  TopicInfo,
  TopicOptions,
} from "./definitions.ts";
import { MESSAGE_BYTES_MAX, type Message, type NewMessage, toMessage, toRecord } from "./message.ts";
import { checkName } from "./names.ts";
import { type NewRecord, packBatch, recordsOf } from "./records.ts";
import type { TabletEvents } from "./tablet.ts";
import { createTablets } from "./tablets.ts";
import { shardOfKey } from "./topic-ring.ts";
import { createWaits } from "./waits.ts";

const TABLETS = 32;
const SHARDS_MAX = 1000;
const RETENTION_EVERY_MS = 30_000;
const BALLAST_AFTER_MS = 1000;

/** Opens the queue in this directory. Rejects with DATA_DIR_IN_USE or DATA_FORMAT. */
export async function openQueue(options: QueueOptions): Promise<Queue> {
  const { durability = "synced", messageBytesMax = MESSAGE_BYTES_MAX } = options;
  const directory = openDataDir(options.dataDir, options.tablets ?? TABLETS);
  const ballast = join(directory.path, "ballast");
  const waits = createWaits();
  const events: TabletEvents = {
    onAppended: (shard) => waits.wake(shard),
    onState: (state) => {
      if (state === "full") tend(true);
    },
    ...(options.onDamaged === undefined ? {} : { onDamaged: options.onDamaged }),
  };
  const { catalog, tablets } = await openStores();
  const keeper: ShardKeeper = {
    makeShard: async (tablet, shard) => (await tablets.get(tablet)).createShard(shard),
    dropShard: async (tablet, shard) => (await tablets.get(tablet)).deleteShard(shard),
  };
  const changes = createTopicChanges(catalog, directory.tabletCount, keeper, Date.now);
  let nextInTurn = 0;
  let closing: Promise<void> | null = null;
  const everyMs = options.retentionEveryMs ?? RETENTION_EVERY_MS;
  let tending: Promise<void> | null = null;
  const timer = everyMs > 0 ? setInterval(() => tend(false), everyMs).unref() : null;
  // The ballast, off the way of an application that starts, and of tests that are over before.
  const ballastTimer = setTimeout(() => tend(false), BALLAST_AFTER_MS).unref();

  /** Frees the directory again when the stores cannot be opened. */
  async function openStores() {
    try {
      const found = await openCatalog(join(directory.path, "catalog.lmdb"), directory.tabletCount);
      const epochs = await found.raiseEpochs().catch(async (error: unknown) => {
        await found.close();
        throw error;
      });
      const remember = found.setEpochs;
      return { catalog: found, tablets: createTablets({ directory, epochs, remember, durability, events }) };
    } catch (error) {
      directory.release();
      throw error;
    }
  }

  function topicEntry(name: string): TopicEntry {
    const found = catalog.topic(name);
    if (found !== null) return found;
    const text = `Cannot find topic "${name}": it does not exist; create it first (createTopic)`;
    throw new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
  }

  function shardEntry(topic: TopicEntry, name: string): ShardEntry {
    const found = topic.shards.find((shard) => shard.name === name);
    if (found !== undefined) return found;
    const names = topic.shards.map((shard) => shard.name).join(", ");
    const text = `Cannot find shard "${name}" of topic "${topic.name}": it has ${names}`;
    throw new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
  }

  async function createTopic(
    name: string,
    { shards = 1, retention = {} }: TopicOptions = {},
  ): Promise<TopicInfo> {
    await changes.create({ topic: name, shards: shardNames(shards), retention });
    return topicInfo(name);
  }

  async function deleteTopic(name: string): Promise<void> {
    const { shards } = topicEntry(name);
    await changes.remove(name);
    for (const shard of shards) waits.wake(shard.shard);
  }

  async function topicInfo(name: string): Promise<TopicInfo> {
    const topic = topicEntry(name);
    const shards = topic.shards.map(async (shard): Promise<ShardInfo> => {
      const range = (await tablets.get(shard.tablet)).range(shard.shard);
      return { name: shard.name, ...(range ?? { start: 0, end: 0, bytes: 0 }) };
    });
    return { name, shards: await Promise.all(shards), retention: topic.retention };
  }

  /** Where a message goes that names no shard. */
  function shardFor(topic: TopicEntry, key: NewMessage["key"]): ShardEntry {
    if (key !== undefined)
      return shardOfKey(topic, typeof key === "string" ? key : Buffer.from(key).toString());
    return topic.shards[nextInTurn++ % topic.shards.length] as ShardEntry;
  }

  async function produceAll(name: string, messages: readonly NewMessage[], opts: ProduceOptions = {}) {
    const topic = topicEntry(name);
    const named = opts.shard === undefined ? null : shardEntry(topic, opts.shard);
    if (opts.expectedOffset !== undefined && named === null) {
      throw new RoundhouseError("BAD_REQUEST", "Cannot expect an offset without naming the shard; give both");
    }
    const parts = new Map<ShardEntry, { records: NewRecord[]; indexes: number[] }>();
    for (const [index, message] of messages.entries()) {
      const record = toRecord(message, messageBytesMax);
      const shard = named ?? shardFor(topic, message.key);
      const part = parts.get(shard) ?? { records: [], indexes: [] };
      part.records.push(record);
      part.indexes.push(index);
      parts.set(shard, part);
    }
    const produced = new Array<Produced>(messages.length);
    const appends = [...parts].map(async ([shard, { records, indexes }]) => {
      const batch = packBatch(records, { timestampMs: Date.now() });
      const tablet = await tablets.get(shard.tablet);
      const { expectedOffset } = opts;
      const expected = expectedOffset === undefined ? {} : { expectedOffset };
      const { baseOffset } = await tablet.append({ shard: shard.shard, batch, trusted: true, ...expected });
      for (const [i, index] of indexes.entries())
        produced[index] = { shard: shard.name, offset: baseOffset + i };
    });
    await Promise.all(appends);
    return produced;
  }

  async function read(name: string, shardName: string, offset: number, messagesMax = 500) {
    const shard = shardEntry(topicEntry(name), shardName);
    const { batches } = await (await tablets.get(shard.tablet)).read(shard.shard, offset);
    const messages: Message[] = [];
    for (const batch of batches) {
      for (const record of recordsOf(batch, offset)) {
        if (messages.length >= messagesMax) return messages;
        messages.push(toMessage(name, shardName, record));
      }
    }
    return messages;
  }

  async function applyRetention(): Promise<number> {
    let removed = 0;
    for (const topic of catalog.topics()) {
      const { ageMs, bytesMax, countMax } = topic.retention;
      if (ageMs === undefined && bytesMax === undefined && countMax === undefined) continue;
      for (const { tablet, shard } of topic.shards) {
        removed += await (await tablets.get(tablet)).truncate(shard, topic.retention);
      }
    }
    return removed;
  }

  /** What is done now and then, or when the disk is full; one at a time. A failure shows in the tablets' states. */
  function tend(full: boolean): void {
    if (tending !== null || closing !== null) return;
    const work = full ? inBallastRoom(ballast, applyRetention) : applyRetention().then(() => changes.bury());
    tending = work
      .then(() => layBallast(ballast))
      .catch(() => {})
      .finally(() => {
        tending = null;
      });
  }

  async function closeAll(): Promise<void> {
    if (timer !== null) clearInterval(timer);
    clearTimeout(ballastTimer);
    await tending;
    waits.close();
    try {
      await tablets.close();
    } finally {
      await catalog.close().finally(directory.release);
    }
  }

  return {
    createTopic,
    deleteTopic,
    topics: () => catalog.topics().map((topic) => topic.name),
    topic: topicInfo,
    async produce(topic, message, opts) {
      const [produced] = await produceAll(topic, [message], opts);
      return produced as Produced;
    },
    produceAll,
    read,
    async consumer(topic, name, opts = {}) {
      topicEntry(topic);
      checkName("consumer", name);
      return openConsumer({ tablets, topic: topicEntry, awaitAppend: waits.begin }, topic, name, opts);
    },
    applyRetention,
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

function shardNames(shards: number | readonly string[]): readonly string[] {
  if (typeof shards !== "number") return shards;
  if (!Number.isInteger(shards) || shards > SHARDS_MAX) throw tooMany(shards);
  return Array.from({ length: Math.max(0, shards) }, (_, index) => `P${index + 1}`);
}
