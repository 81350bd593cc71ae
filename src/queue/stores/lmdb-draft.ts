// A transaction while it is prepared: what the appends of one commit see of each other before any of it is true.
// Drafts are copies, so that a commit that fails leaves the tablet's memory as it was; `adopt` makes them the truth.
import { RoundhouseError } from "../../errors.ts";
import type { ProducerState } from "../producers.ts";
import type { TabletTable } from "./lmdb-environment.ts";
import {
  decodeProducer,
  decodeShard,
  EMPTY_SHARD,
  encodeProducer,
  encodeShard,
  numberIn,
  producerBounds,
  producerKey,
  type ShardRecord,
  shardBounds,
  shardKey,
  shardOf,
} from "./lmdb-layout.ts";

/** A shard as the tablet knows it between two commits. */
interface ShardMemory extends ShardRecord {
  /** By producer id, least recently heard of first; null until the first idempotent append needs it. */
  producers: Map<number, ProducerState> | null;
  /** Appended since the last entry of the time index; lost on a restart, which costs one entry more. */
  sinceIndexBytes: number;
  sinceIndexBatches: number;
}

/** A shard inside a transaction; `producers` holds only those that change (null: forgotten). */
export interface ShardDraft extends ShardRecord {
  readonly shard: number;
  sinceIndexBytes: number;
  sinceIndexBatches: number;
  readonly changed: Map<number, ProducerState | null>;
}

export type ShardMemories = Map<number, ShardMemory>;

/** What the store knows of its shards when it opens; deleted halfway ones included. */
export function loadShards(table: TabletTable): ShardMemories {
  const shards: ShardMemories = new Map();
  for (const { key, value } of table.getRange(shardBounds)) {
    shards.set(shardOf(key), {
      ...decodeShard(value),
      producers: null,
      sinceIndexBytes: 0,
      sinceIndexBatches: 0,
    });
  }
  return shards;
}

export interface Draft {
  /** The shard as it will be; throws NOT_FOUND. Changing it is how its record changes. */
  shard(shard: number): ShardDraft;
  /** Adds a shard, or does nothing when it exists. */
  addShard(shard: number): void;
  dropShard(shard: number): void;
  producer(shard: number, producerId: number): ProducerState | undefined;
  setProducer(shard: number, state: ProducerState): void;
  put(key: Buffer, value: Buffer, version: number): void;
  remove(key: Buffer): void;
  /** Writes the shard records and producer states that changed: the last thing before the commit. */
  finish(): void;
  /** The commit is done: the drafts become the tablet's memory. */
  adopt(): void;
}

export interface DraftLimits {
  /** Producers remembered per shard; the least recently heard of makes room. */
  readonly producersMax: number;
}

/** Begins a transaction. Its puts must run inside the table's `ifVersion` callback. */
export function createDraft(table: TabletTable, shards: ShardMemories, limits: DraftLimits): Draft {
  const drafts = new Map<number, ShardDraft>();
  const dropped = new Set<number>();

  function memory(shard: number): ShardMemory {
    const found = shards.get(shard);
    if (found !== undefined && !found.deleting && !dropped.has(shard)) return found;
    throw new RoundhouseError("NOT_FOUND", `Cannot find shard ${shard}: it does not exist in this tablet`);
  }

  function draftOf(shard: number): ShardDraft {
    let draft = drafts.get(shard);
    if (draft !== undefined) return draft;
    const { producers: _, ...record } = memory(shard);
    draft = { ...record, shard, changed: new Map() };
    drafts.set(shard, draft);
    return draft;
  }

  function producersOf(shard: number): Map<number, ProducerState> {
    const known = shards.get(shard);
    if (known === undefined) return new Map();
    known.producers ??= loadProducers(table, shard);
    return known.producers;
  }

  /** Forgets the longest silent producer that this transaction has not heard of. */
  function makeRoom(draft: ShardDraft): void {
    const known = producersOf(draft.shard);
    if (known.size + additions(draft, known) <= limits.producersMax) return;
    for (const id of known.keys()) {
      if (draft.changed.has(id)) continue;
      draft.changed.set(id, null);
      return;
    }
  }

  return {
    shard: draftOf,
    addShard(shard) {
      const found = shards.get(shard);
      if (found?.deleting === true) throw deleting(shard);
      if (found !== undefined || drafts.has(shard)) return;
      drafts.set(shard, {
        ...EMPTY_SHARD,
        shard,
        sinceIndexBytes: 0,
        sinceIndexBatches: 0,
        changed: new Map(),
      });
    },
    dropShard(shard) {
      drafts.delete(shard);
      dropped.add(shard);
      table.remove(shardKey(shard));
    },
    producer(shard, producerId) {
      const changed = drafts.get(shard)?.changed.get(producerId);
      return changed ?? producersOf(shard).get(producerId);
    },
    setProducer(shard, state) {
      const draft = draftOf(shard);
      draft.changed.set(state.producerId, state);
      makeRoom(draft);
    },
    put: (key, value, version) => void table.put(key, value, version),
    remove: (key) => void table.remove(key),
    finish() {
      for (const draft of drafts.values()) {
        table.put(shardKey(draft.shard), encodeShard(draft), 0);
        for (const [id, state] of draft.changed) {
          if (state === null) table.remove(producerKey(draft.shard, id));
          else table.put(producerKey(draft.shard, id), encodeProducer(state), 0);
        }
      }
    },
    adopt() {
      for (const draft of drafts.values()) adoptShard(shards, draft);
      for (const shard of dropped) shards.delete(shard);
    },
  };
}

function adoptShard(shards: ShardMemories, draft: ShardDraft): void {
  const { shard, changed, ...record } = draft;
  const known = shards.get(shard);
  const producers = known?.producers ?? (known === undefined ? new Map<number, ProducerState>() : null);
  if (known === undefined) shards.set(shard, { ...record, producers });
  else Object.assign(known, record);
  for (const [id, state] of changed) {
    producers?.delete(id);
    if (state !== null) producers?.set(id, state);
  }
}

function additions(draft: ShardDraft, known: ReadonlyMap<number, ProducerState>): number {
  let count = 0;
  for (const [id, state] of draft.changed) {
    if (state === null) count--;
    else if (!known.has(id)) count++;
  }
  return count;
}

/** Least recently heard of first: by the offset of the newest batch. */
function loadProducers(table: TabletTable, shard: number): Map<number, ProducerState> {
  const found: ProducerState[] = [];
  for (const { key, value } of table.getRange(producerBounds(shard)))
    found.push(decodeProducer(numberIn(key), value));
  const newest = (state: ProducerState): number => state.batches.at(-1)?.baseOffset ?? -1;
  found.sort((a, b) => newest(a) - newest(b));
  return new Map(found.map((state) => [state.producerId, state]));
}

function deleting(shard: number): RoundhouseError {
  return new RoundhouseError(
    "NAME_TAKEN",
    `Cannot create shard ${shard}: its old contents are still being removed`,
    {
      retryable: true,
    },
  );
}
