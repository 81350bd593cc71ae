// A consumer without a name: the queue keeps nothing of it. Its places are held here, behind the same questions that a
// named one asks.
import { RoundhouseError } from "../../errors.ts";
import type { Place } from "../consumer.ts";
import type { Places, QueueApi, ShardView, TopicView } from "./api.ts";

/** The same queue, on which consumers have places in memory alone. For one consumer. */
export function nameless(api: QueueApi): QueueApi {
  const places = new Map<string, number>();

  async function offsetOf(topic: string, { name, start, end }: ShardView, place: Place): Promise<number> {
    if (typeof place === "string") return place === "end" ? end : start;
    if ("timestampMs" in place) return api.offsetAt({ topic, shard: name }, place.timestampMs);
    if (place.offset >= start && place.offset <= end) return place.offset;
    const text = `Cannot seek to offset ${place.offset} of ${topic}/${name}; ${start} to ${end} are there`;
    throw new RoundhouseError("OFFSET_OUT_OF_RANGE", text, { source: "downstream" });
  }

  const known = ({ shards }: TopicView): Places => {
    for (const { name, start } of shards) if (!places.has(name)) places.set(name, start);
    return new Map(places);
  };

  return {
    ...api,
    async openConsumer(topic, _, from) {
      const view = await api.topic(topic);
      if (from === "end") for (const { name, end } of view.shards) places.set(name, end);
      return known(view);
    },
    places: async (topic) => known(await api.topic(topic)),
    async commit(_topic, _consumer, offsets) {
      for (const [shard, offset] of offsets) places.set(shard, offset);
    },
    async seek(topic, _, place) {
      const view = await api.topic(topic);
      const named = typeof place === "object" && "shard" in place ? place.shard : null;
      const moved = view.shards.filter((shard) => named === null || shard.name === named);
      if (moved.length === 0) {
        const names = view.shards.map((shard) => shard.name).join(", ");
        throw new RoundhouseError("NOT_FOUND", `Topic "${topic}" has no shard "${named}"; it has ${names}`);
      }
      for (const shard of moved) places.set(shard.name, await offsetOf(topic, shard, place));
      return known(view);
    },
  };
}
