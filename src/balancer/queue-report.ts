// How the queue is as a whole: `GET /api/v1/queue`. Topics, shards and messages are told by the queue's own API.
import type { QueueFigures } from "../queue/control/figures-ledger.ts";
import type { MappedBroker } from "../queue/map.ts";
import type { QueueHouse } from "./queue-house.ts";

export interface QueueReport {
  readonly brokers: readonly BrokerReport[];
  readonly topics: number;
  /** The units of ownership, those that nobody serves now, and those of them that were quarantined after failures. */
  readonly tablets: number;
  readonly unserved: number;
  readonly quarantined: number;
  /** Requests that wait for an owner. */
  readonly parked: number;
  /** Since the start: changes of owner, and brokers started again. */
  readonly ownerChanges: number;
  readonly respawns: number;
  /** Appended since the start. */
  readonly messages: number;
  readonly bytes: number;
}

export interface BrokerReport {
  readonly name: string;
  readonly phase: MappedBroker["phase"];
  /** `host:port`; null while it has none. */
  readonly address: string | null;
  /** How many it owns. */
  readonly tablets: number;
}

export function queueReport(queue: Pick<QueueHouse, "map" | "figures">): QueueReport {
  const map = queue.map();
  const { unserved, quarantined, parked, ownerChanges, respawns, messages, bytes }: QueueFigures =
    queue.figures();
  const owned = new Map<string | null, number>();
  for (const { owner } of map.tablets) owned.set(owner, (owned.get(owner) ?? 0) + 1);
  const brokers = map.brokers.map(({ name, phase, host, port }) => ({
    name,
    phase,
    address: port === 0 ? null : `${host}:${port}`,
    tablets: owned.get(name) ?? 0,
  }));
  const topics = map.topics.filter(({ hidden }) => hidden !== true).length;
  const tablets = map.tablets.length;
  return { brokers, topics, tablets, unserved, quarantined, parked, ownerChanges, respawns, messages, bytes };
}
