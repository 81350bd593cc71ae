// Taking messages away: by retention, whole batches from the old end, and a deleted shard's contents. In steps of a
// few hundred entries each, so that appends in between do not wait for long.
import type { Retention } from "../tablet.ts";
import type { Commits } from "./lmdb-commit.ts";
import type { Draft, ShardMemories } from "./lmdb-draft.ts";
import type { TabletTable } from "./lmdb-environment.ts";
import { bounds, decodeNumber, logBounds, numberIn, SHARD_CONTENTS, timeBounds } from "./lmdb-layout.ts";

const STEP_ENTRIES = 512;

/** Tells how many messages went; see Tablet.truncate. */
export async function truncateLog(
  table: () => TabletTable,
  commits: Commits,
  shard: number,
  retention: Retention,
  nowMs: () => number,
): Promise<number> {
  let total = 0;
  for (;;) {
    const stage = (draft: Draft) => dropOldest(table(), draft, shard, retention, nowMs());
    const { messages, more } = await commits.run({ bytes: 0, frees: true, stage });
    total += messages;
    if (!more) break;
  }
  if (total > 0) await makeFreedUsable(commits, shard);
  return total;
}

/**
 * LMDB reuses pages two transactions after the one that freed them. On a full disk the next append would be the
 * first of the two and would find no room, and so would all after it: rewriting the shard's record gets by.
 */
async function makeFreedUsable(commits: Commits, shard: number): Promise<void> {
  await commits.run({ bytes: 0, frees: true, stage: (draft) => void draft.shard(shard) });
}

function dropOldest(table: TabletTable, draft: Draft, number: number, retention: Retention, nowMs: number) {
  const shard = draft.shard(number);
  const before = shard.start;
  let entries = 0;
  let more = false;
  for (const { key, value, version } of table.getRange({ ...logBounds(number), versions: true })) {
    const next = numberIn(key) + 1;
    const expired = retention.ageMs !== undefined && (version ?? 0) < nowMs - retention.ageMs;
    const tooLarge = retention.bytesMax !== undefined && shard.bytes > retention.bytesMax;
    const tooMany = retention.countMax !== undefined && shard.end - next >= retention.countMax;
    if (!(expired || tooLarge || tooMany)) break;
    if (++entries > STEP_ENTRIES) {
      more = true;
      break;
    }
    draft.remove(key);
    shard.bytes -= value.length;
    shard.start = next;
  }
  if (shard.start > before) forgetTimes(table, draft, number, shard.start);
  return { messages: shard.start - before, more };
}

/** Drops the entries of the time index that only tell about what is gone. */
function forgetTimes(table: TabletTable, draft: Draft, shard: number, start: number): void {
  for (const { key, value } of table.getRange({ ...timeBounds(shard), limit: STEP_ENTRIES })) {
    if (decodeNumber(value) > start) return;
    draft.remove(key);
  }
}

/** Marks the shard, removes its contents in steps, then its record. Goes on where a crash has cut it short. */
export async function removeShard(
  table: () => TabletTable,
  shards: ShardMemories,
  commits: Commits,
  shard: number,
): Promise<void> {
  if (!shards.has(shard)) return;
  if (shards.get(shard)?.deleting === false) await commits.run({ bytes: 0, frees: true, stage: mark(shard) });
  for (const kind of SHARD_CONTENTS) {
    const stage = (draft: Draft) => clearStep(table(), draft, kind, shard);
    while (await commits.run({ bytes: 0, frees: true, stage }));
  }
  await commits.run({ bytes: 0, frees: true, stage: (draft) => draft.dropShard(shard) });
}

const mark = (shard: number) => (draft: Draft) => {
  draft.shard(shard).deleting = true;
};

/** Tells whether anything was left to remove. */
function clearStep(table: TabletTable, draft: Draft, kind: number, shard: number): boolean {
  let removed = false;
  for (const key of table.getKeys({ ...bounds(kind, shard), limit: STEP_ENTRIES })) {
    draft.remove(key);
    removed = true;
  }
  return removed;
}
