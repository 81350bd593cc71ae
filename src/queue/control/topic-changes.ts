// How topics and shards come and go. What the catalog says is so: a new shard is made in its tablet before the catalog
// names it, and a deleted one is doomed in the catalog before its contents go, so that a crash in between leaves
// nothing half there. A topic's changes happen one at a time, in the order in which they were asked for.
import { RoundhouseError } from "../../errors.ts";
import type { Catalog, ShardEntry, TopicEntry } from "../catalog.ts";
import { checkName } from "../names.ts";
import type { Retention } from "../tablet.ts";

/** The tablets' side. Each rejects when it cannot be done now. */
export interface ShardKeeper {
  /** Does nothing when the shard is there. */
  makeShard(tablet: number, shard: number): Promise<void>;
  /** Does nothing when the shard is not there. */
  dropShard(tablet: number, shard: number): Promise<void>;
}

export interface NewTopic {
  readonly topic: string;
  readonly shards: readonly string[];
  readonly retention: Retention;
  readonly hidden?: boolean;
  readonly tablet?: number;
}

export interface TopicChanges {
  /** NAME_TAKEN, BAD_REQUEST. */
  create(topic: NewTopic): Promise<TopicEntry>;
  /** NAME_TAKEN, NOT_FOUND, BAD_REQUEST. */
  addShard(topic: string, shard: string, createTopic: boolean): Promise<ShardEntry>;
  /** NOT_FOUND. Resolves when its messages are gone too, or will be when their tablet is back. */
  remove(topic: string): Promise<void>;
  /** Removes what is left of deleted shards, in this tablet or in all. */
  bury(tablet?: number): Promise<void>;
}

const SHARDS_PER_TOPIC_MAX = 1000;
/** In the data directory: every broker holds the map of them all. */
const SHARDS_MAX = 10_000;

export function createTopicChanges(
  catalog: Catalog,
  tabletCount: number,
  keeper: ShardKeeper,
  nowMs: () => number,
): TopicChanges {
  /** By topic: the last change that was asked for. */
  const last = new Map<string, Promise<unknown>>();

  function inTurn<T>(topic: string, work: () => Promise<T>): Promise<T> {
    const mine = (last.get(topic) ?? Promise.resolve()).then(work);
    const over = mine
      .catch(() => {})
      .then(() => {
        if (last.get(topic) === over) last.delete(topic);
      });
    last.set(topic, over);
    return mine;
  }

  async function makeShards(
    names: readonly string[],
    firstSeat: number,
    tablet?: number,
  ): Promise<ShardEntry[]> {
    const count = catalog.topics().reduce((sum, topic) => sum + topic.shards.length, 0);
    if (count + names.length > SHARDS_MAX) {
      throw badRequest(
        `Cannot make ${names.length} shards more: there are ${count}, and at most ${SHARDS_MAX} may be`,
      );
    }
    const first = await catalog.reserveShards(names.length);
    const entries = names.map((name, i): ShardEntry => {
      const shard = first + i;
      return { name, shard, seat: firstSeat + i, tablet: tablet ?? shard % tabletCount };
    });
    await Promise.all(entries.map((entry) => keeper.makeShard(entry.tablet, entry.shard)));
    return entries;
  }

  async function create({ topic, shards, retention, hidden, tablet }: NewTopic): Promise<TopicEntry> {
    checkName("topic", topic);
    checkShardNames(shards);
    if (tablet !== undefined && !(Number.isInteger(tablet) && tablet >= 0 && tablet < tabletCount)) {
      throw badRequest(`Cannot use tablet ${tablet}: 0 to ${tabletCount - 1} are there`);
    }
    if (catalog.topic(topic) !== null) throw taken(`Cannot create topic "${topic}": it exists`);
    const entries = await makeShards(shards, 1, tablet);
    const entry: TopicEntry = { name: topic, shards: entries, retention, createdAtMs: nowMs() };
    await catalog.put(hidden === true ? { ...entry, hidden } : entry);
    return catalog.topic(topic) ?? entry;
  }

  async function addShard(name: string, shard: string, createTopic: boolean): Promise<ShardEntry> {
    checkName("shard", shard);
    const topic = catalog.topic(name);
    if (topic === null && !createTopic) throw noTopic(name);
    if (topic === null) {
      const made = await create({ topic: name, shards: [shard], retention: {} });
      return made.shards[0] as ShardEntry;
    }
    if (topic.shards.some((known) => known.name === shard)) {
      throw taken(`Cannot create shard "${shard}" of topic "${name}": it exists`);
    }
    const count = topic.shards.length + 1;
    if (count > SHARDS_PER_TOPIC_MAX) throw tooMany(count);
    const [entry] = await makeShards([shard], count);
    await catalog.put({ ...topic, shards: [...topic.shards, entry as ShardEntry] });
    return entry as ShardEntry;
  }

  /** A shard whose tablet cannot be reached now stays doomed; its topic is gone all the same. */
  async function bury(tablet?: number): Promise<void> {
    const doomed = catalog.doomed().filter((one) => tablet === undefined || one.tablet === tablet);
    const removals = doomed.map(async ({ shard, tablet: where }) => {
      await keeper.dropShard(where, shard);
      await catalog.buried(shard);
    });
    await Promise.allSettled(removals);
  }

  return {
    create: (topic) => inTurn(topic.topic, () => create(topic)),
    addShard: (topic, shard, createTopic) => inTurn(topic, () => addShard(topic, shard, createTopic)),
    async remove(name) {
      await inTurn(name, async () => {
        if (catalog.topic(name) === null) throw noTopic(name);
        await catalog.remove(name);
      });
      await bury();
    },
    bury,
  };
}

function checkShardNames(names: readonly string[]): void {
  if (names.length < 1 || names.length > SHARDS_PER_TOPIC_MAX) throw tooMany(names.length);
  for (const name of names) checkName("shard", name);
  if (new Set(names).size === names.length) return;
  throw badRequest(`Cannot give two shards the same name: ${names.join(", ").slice(0, 200)}`);
}

/** Tells what a topic may have. */
export function tooMany(count: number): RoundhouseError {
  return badRequest(`Cannot make ${count} shards; 1 to ${SHARDS_PER_TOPIC_MAX} are accepted`);
}

function noTopic(name: string): RoundhouseError {
  const text = `Cannot find topic "${name}": it does not exist; create it first`;
  return new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
}

const taken = (text: string): RoundhouseError =>
  new RoundhouseError("NAME_TAKEN", text, { source: "downstream" });

const badRequest = (text: string): RoundhouseError =>
  new RoundhouseError("BAD_REQUEST", text, { source: "downstream" });
