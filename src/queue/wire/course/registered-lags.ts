// How far the registered consumers are behind, for the metrics: those whose home tablets are here, each over all the
// shards that it reads, wherever these are served. Of what cannot be asked now nothing is told.
import type { ConsumerLag } from "../../broker/figures.ts";
import type { ShardEntry } from "../../catalog.ts";
import type { ShardRange } from "../../tablet.ts";
import { messagesLeft, shardsFor } from "./consuming.ts";
import type { CourseHost } from "./course-host.ts";
import { CONSUMER_NOTES, type ConsumerRecord } from "./registrations.ts";

/** Registrations looked at each time: they are never taken back, so that their number only grows. */
const REGISTRATIONS_MAX = 500;

interface Standing {
  /** As its client names it. */
  readonly id: string;
  readonly record: ConsumerRecord;
  readonly shards: readonly ShardEntry[];
}

/** `consumer_id=7` is what one is called here: no consumer of the native API can have such a name. */
export async function registeredLags(host: CourseHost): Promise<readonly ConsumerLag[]> {
  const standing = registeredHere(host).filter(({ shards }) => shards.length > 0);
  const ranges = await rangesOf(
    host,
    standing.flatMap(({ shards }) => shards),
  );
  return standing.flatMap(({ id, record, shards }) => {
    let lag = 0;
    for (const { shard } of shards) {
      const range = ranges.get(shard);
      if (range === undefined) return [];
      lag += messagesLeft(range, record, shard);
    }
    return [{ topic: record.topic, consumer: `consumer_id=${id}`, lag }];
  });
}

function registeredHere(host: CourseHost): Standing[] {
  const found: Standing[] = [];
  for (const tablet of host.node.map().tablets.keys()) {
    const notes = host.node.tablet(tablet)?.notes(CONSUMER_NOTES, REGISTRATIONS_MAX - found.length) ?? [];
    for (const [note, content] of notes) {
      const record = JSON.parse(content.toString()) as ConsumerRecord;
      found.push({ id: note.slice(CONSUMER_NOTES.length), record, shards: shardsFor(host, record) });
    }
  }
  return found;
}

/** By shard number; one question for each tablet, and none waits for an owner. */
async function rangesOf(
  { shards: asked }: CourseHost,
  shards: readonly ShardEntry[],
): Promise<ReadonlyMap<number, ShardRange>> {
  const byTablet = new Map<number, Set<number>>();
  for (const { tablet, shard } of shards)
    byTablet.set(tablet, (byTablet.get(tablet) ?? new Set()).add(shard));
  const ranges = new Map<number, ShardRange>();
  const ask = async (tablet: number, wanted: readonly number[]): Promise<void> => {
    const answers = await asked.call(tablet, { op: "ranges", shards: wanted }, 0);
    for (const [i, range] of answers.entries()) if (range !== null) ranges.set(wanted[i] as number, range);
  };
  await Promise.allSettled(Array.from(byTablet, ([tablet, wanted]) => ask(tablet, [...wanted])));
  return ranges;
}
