// Topics and shards by name, as the map has them now; hidden topics are found, too.
import { RoundhouseError } from "../../../errors.ts";
import type { ShardEntry, TopicEntry } from "../../catalog.ts";
import { type QueueMap, shardOfTopic, topicOf } from "../../map.ts";

/** Throws NOT_FOUND. */
export function topicNamed(map: QueueMap, name: string): TopicEntry {
  const found = topicOf(map, name);
  if (found !== undefined) return found;
  throw notFound(
    `Cannot find topic "${name.slice(0, 250)}": it does not exist; create it first (POST /v1/topics)`,
  );
}

/** Throws NOT_FOUND. */
export function shardNamed(topic: TopicEntry, name: string): ShardEntry {
  const found = shardOfTopic(topic, name);
  if (found !== undefined) return found;
  const names = topic.shards.slice(0, 20).map((shard) => shard.name);
  const more = topic.shards.length > names.length ? ` and ${topic.shards.length - names.length} more` : "";
  throw notFound(
    `Cannot find shard "${name.slice(0, 250)}" of topic "${topic.name}": it has ${names.join(", ")}${more}`,
  );
}

const notFound = (text: string): RoundhouseError =>
  new RoundhouseError("NOT_FOUND", text, { source: "downstream" });
