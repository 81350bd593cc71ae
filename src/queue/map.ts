// The map of the queue: which topics and shards there are, in which tablets those lie, and which broker owns each
// tablet now. Plain data: the control plane alone changes it, and sends it whole to every broker at each change.
import type { ShardEntry, TopicEntry } from "./catalog.ts";

export interface QueueMap {
  /** Rises with every change; a higher one is newer. */
  readonly version: number;
  /** In the order in which they joined. */
  readonly brokers: readonly MappedBroker[];
  /** By tablet number. */
  readonly tablets: readonly TabletRoute[];
  /** In the order of their creation; hidden ones included. */
  readonly topics: readonly TopicEntry[];
}

export interface MappedBroker {
  readonly name: string;
  /** Where its HTTP listener is; port 0 while it has none. */
  readonly host: string;
  readonly port: number;
  /** starting: its process has not reported yet. leaving: it gives its tablets up. dying: its exit is awaited. */
  readonly phase: "starting" | "live" | "leaving" | "dying";
}

export interface TabletRoute {
  /** Name of the broker that serves it; null while requests for it have to wait. */
  readonly owner: string | null;
  /** Ownership number of the last open. */
  readonly epoch: number;
}

export function topicOf(map: QueueMap, name: string): TopicEntry | undefined {
  return map.topics.find((topic) => topic.name === name);
}

export function shardOfTopic(topic: TopicEntry, name: string): ShardEntry | undefined {
  return topic.shards.find((shard) => shard.name === name);
}

/** The broker that serves a tablet, or null while requests for it have to wait. */
export function ownerOf(map: QueueMap, tablet: number): MappedBroker | null {
  const owner = map.tablets[tablet]?.owner ?? null;
  return map.brokers.find((broker) => broker.name === owner) ?? null;
}

/** All were removed. A map that has not come yet tells nothing. */
export const isWithoutBrokers = ({ version, brokers }: QueueMap): boolean =>
  version > 0 && brokers.length === 0;

/** Why a tablet has no owner for now, and what to do. */
export const whyUnserved = (map: QueueMap): string =>
  isWithoutBrokers(map)
    ? "all brokers were removed, and what they kept is there; add one (GET /brokers/add?broker_name=broker0)"
    : "the tablet is between two owners; try again";
