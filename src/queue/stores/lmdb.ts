// The tablet store of one machine: a tablet is one LMDB environment. This file joins the parts: the environment
// (lmdb-environment.ts), group commit (lmdb-commit.ts), appends (lmdb-append.ts), reads (lmdb-read.ts), retention
// (lmdb-retention.ts), and how it all lies on the disk (lmdb-layout.ts).
import { RoundhouseError } from "../../errors.ts";
import { producedBatchFault, readHeader } from "../record-batch.ts";
import type { Append, Appended, Durability, ShardRange, Sizes, Tablet, TabletEvents } from "../tablet.ts";
import { stageAppend } from "./lmdb-append.ts";
import { type Commits, createCommits } from "./lmdb-commit.ts";
import { removeLeftCopy, replaceBySmallest, sizeOf } from "./lmdb-compact.ts";
import { copyTable } from "./lmdb-copy.ts";
import { type Draft, loadShards, type ShardMemories } from "./lmdb-draft.ts";
import { neededBytes, openEnvironment, type TabletTable } from "./lmdb-environment.ts";
import {
  consumerOf,
  decodeNumber,
  encodeNumber,
  noteBounds,
  noteKey,
  noteNameOf,
  positionBounds,
  positionKey,
} from "./lmdb-layout.ts";
import { offsetAtTime, readLog } from "./lmdb-read.ts";
import { removeShard, truncateLog } from "./lmdb-retention.ts";

/** Length of a consumer's or note's name: it is part of a key. */
const NAME_BYTES_MAX = 400;
const NOTE_BYTES_MAX = 64 * 1024;

export interface LmdbTabletOptions {
  /** Path of the environment's file; its lock file lies beside it. */
  readonly file: string;
  readonly tablet: number;
  /** Ownership number; must be higher than that of every owner before. */
  readonly epoch: number;
  /** Who opens it, in words: shown when somebody else finds the file. Default: this process. */
  readonly owner?: string;
  /** Default `synced`. */
  readonly durability?: Durability;
  /** Idempotent producers remembered per shard; default 1000. The longest silent one makes room. */
  readonly producersMax?: number;
  /** Most bytes that may wait for the disk; default 64 MiB. More is refused with FULL. */
  readonly pendingBytesMax?: number;
  /**
   * Consumers' positions that follow a transaction sooner than this wait for others, or for an append; default 5 ms.
   * A transaction costs the same with one work or many, and a busy consumer would cause one for each batch it reads.
   */
  readonly positionsWaitMs?: number;
  readonly events?: TabletEvents;
  /** The clock, ms since the Unix epoch. Default: Date.now. */
  readonly nowMs?: () => number;
}

/**
 * Opens a tablet and takes ownership at this epoch. The caller vouches that its last owner's process is gone: LMDB's
 * lock would block a newcomer's whole event loop. Rejects with FENCED or DATA_FORMAT.
 */
export async function openLmdbTablet(options: LmdbTabletOptions): Promise<Tablet> {
  const { file, tablet, epoch, events = {}, nowMs = Date.now } = options;
  const owner = options.owner ?? `process ${process.pid}`;
  const durability = options.durability ?? "synced";
  removeLeftCopy(file);
  let table = await openEnvironment({ file, tablet, epoch, owner, durability });
  /** Another one after each compaction: not to be kept beyond a turn of the event loop. */
  const current = (): TabletTable => table;
  const shards = loadShards(table);
  const commits = createCommits(current, shards, {
    file,
    tablet,
    epoch,
    events,
    nowMs,
    producersMax: options.producersMax ?? 1000,
    pendingBytesMax: options.pendingBytesMax ?? 64 * 1024 * 1024,
    patienceMs: options.positionsWaitMs ?? 5,
  });
  const deletions = resumeDeletions(current, shards, commits);
  /** Under way: the environment must not be closed under them. */
  const copies = new Set<Promise<void>>();
  let closed = false;

  /** For what reads: LMDB must not be asked about an environment that is closed. */
  function opened(): TabletTable {
    if (!closed) return table;
    const text = `Cannot read tablet ${tablet}: it is closed`;
    throw new RoundhouseError("SHUTTING_DOWN", text, { retryable: true });
  }

  function rangeOf(shard: number): ShardRange {
    const found = shards.get(shard);
    if (found !== undefined && !found.deleting)
      return { start: found.start, end: found.end, bytes: found.bytes };
    throw new RoundhouseError(
      "NOT_FOUND",
      `Cannot find shard ${shard}: it does not exist in tablet ${tablet}`,
    );
  }

  async function append(one: Append): Promise<Appended> {
    const fault = one.trusted === true ? null : producedBatchFault(one.batch);
    if (fault !== null) throw badBatch(one.shard, fault);
    const header = readHeader(one.batch);
    const appended = await commits.run({
      bytes: one.batch.length,
      stage: (draft) => stageAppend(draft, one, header, epoch, nowMs()),
    });
    if (!appended.duplicate) {
      const { baseOffset, count } = appended;
      events.onAppended?.(one.shard, baseOffset + count, count, one.batch.length);
    }
    return appended;
  }

  async function compactNow(): Promise<Sizes> {
    const bytesBefore = sizeOf(file);
    if (neededBytes(table) >= bytesBefore) return { bytesBefore, bytesAfter: bytesBefore };
    const old = table;
    table = await replaceBySmallest(old, { file, epoch, durability });
    // Copies that others make of it are under way in other threads; reads were over in their turns.
    await Promise.allSettled(copies);
    await old.close();
    return { bytesBefore, bytesAfter: sizeOf(file) };
  }

  return {
    tablet,
    epoch,
    state: commits.state,
    shards: () =>
      [...shards.keys()].filter((shard) => shards.get(shard)?.deleting === false).sort((a, b) => a - b),
    range: (shard) => (shards.get(shard)?.deleting === false ? rangeOf(shard) : null),
    createShard: (shard) => commits.run({ bytes: 64, stage: (draft) => draft.addShard(shard) }),
    deleteShard: (shard) => removeShard(current, shards, commits, shard),
    append,
    async read(shard, offset, limits = {}) {
      return readLog(opened(), shard, rangeOf(shard), offset, limits, (damage) => events.onDamaged?.(damage));
    },
    offsetAt: async (shard, timestampMs) => offsetAtTime(opened(), shard, rangeOf(shard), timestampMs),
    truncate: (shard, retention) => truncateLog(current, commits, shard, retention, nowMs),
    position(shard, consumer) {
      const found = opened().getBinary(positionKey(shard, checkedName("consumer", consumer)));
      return found === undefined ? null : decodeNumber(found);
    },
    positions(shard, countMax) {
      const range = { ...positionBounds(shard), limit: countMax };
      return [...opened().getRange(range)].map(({ key, value }) => [consumerOf(key), decodeNumber(value)]);
    },
    async setPosition(shard, consumer, offset) {
      const key = positionKey(shard, checkedName("consumer", consumer));
      await commits.run({
        bytes: 64,
        patient: true,
        stage: (draft) => {
          draft.shard(shard); // refuses a shard that does not exist
          draft.put(key, encodeNumber(offset), 0);
        },
      });
    },
    async removePosition(shard, consumer) {
      const key = positionKey(shard, checkedName("consumer", consumer));
      await commits.run({ bytes: 0, frees: true, stage: (draft) => draft.remove(key) });
    },
    note: (name) => opened().getBinary(noteKey(checkedName("note", name))) ?? null,
    notes(prefix, countMax) {
      const range = { ...noteBounds(prefix), limit: countMax };
      return [...opened().getRange(range)].map(({ key, value }) => [noteNameOf(key), value]);
    },
    async setNote(name, content) {
      const key = noteKey(checkedName("note", name));
      if (content !== null && content.length > NOTE_BYTES_MAX) throw largeNote(name, content.length);
      const stage = (draft: Draft) => (content === null ? draft.remove(key) : draft.put(key, content, 0));
      await commits.run({ bytes: content?.length ?? 0, frees: content === null, stage });
    },
    copyTo(to) {
      const copy = copyTable(opened(), to).finally(() => copies.delete(copy));
      copies.add(copy);
      return copy;
    },
    compact: () => commits.alone(compactNow),
    async close() {
      await commits.close();
      await Promise.allSettled(copies);
      await deletions;
      closed = true;
      await table.close();
    },
  };
}

/** Goes on with shards whose removal a crash has cut short; a failure shows in the tablet's state. */
function resumeDeletions(
  table: () => TabletTable,
  shards: ShardMemories,
  commits: Commits,
): Promise<unknown> {
  const halfway = [...shards.keys()].filter((shard) => shards.get(shard)?.deleting === true);
  return Promise.allSettled(halfway.map((shard) => removeShard(table, shards, commits, shard)));
}

function checkedName(what: string, name: string): string {
  const length = Buffer.byteLength(name);
  if (length >= 1 && length <= NAME_BYTES_MAX) return name;
  throw new RoundhouseError(
    "BAD_REQUEST",
    `Cannot use a ${what} name of ${length} bytes; 1 to ${NAME_BYTES_MAX} are accepted`,
    { source: "downstream" },
  );
}

function largeNote(name: string, bytes: number): RoundhouseError {
  const text = `Cannot keep note "${name}" of ${bytes} bytes; at most ${NOTE_BYTES_MAX} are accepted`;
  return new RoundhouseError("BAD_REQUEST", text, { source: "downstream" });
}

function badBatch(shard: number, fault: string): RoundhouseError {
  return new RoundhouseError(
    "BAD_BATCH",
    `Cannot append to shard ${shard}: the record batch is not valid: ${fault}`,
    {
      source: "downstream",
    },
  );
}
