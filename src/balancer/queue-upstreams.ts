// The brokers as the data plane's upstreams, by the latest map: who gets a request of the queue. A broker that leaves
// gets nothing more and keeps what it has; one that is gone loses what it had.
import { createUpstream, type Upstream } from "../proxy/upstream.ts";
import { type MappedBroker, ownerOf, type QueueMap, shardOfTopic, topicOf } from "../queue/map.ts";
import { shardIn } from "./queue-paths.ts";

export interface QueueUpstreams {
  /** Takes in a newer map. */
  apply(map: QueueMap): void;
  /** The owner of the shard that the path names, else any live broker, else the desk; null when all have been tried. */
  pick(target: string, tried: readonly Upstream[]): Upstream | null;
  close(): void;
}

/** @param desk where requests go while no broker lives */
export function createQueueUpstreams(desk: { readonly host: string; readonly port: number }): QueueUpstreams {
  const deskUpstream = createUpstream({ name: "desk", kind: "broker", address: desk });
  const upstreams = new Map<string, Upstream>();
  let current: QueueMap | null = null;
  /** Those that get new requests. */
  let live: readonly Upstream[] = [];
  let turn = 0;

  function follow(broker: MappedBroker): void {
    const known = upstreams.get(broker.name);
    if (known !== undefined && !isAt(known, broker)) forget(broker.name);
    if (broker.port === 0) return;
    if (broker.phase !== "live") upstreams.get(broker.name)?.retire();
    else if (!upstreams.has(broker.name)) upstreams.set(broker.name, createUpstream(optionsOf(broker)));
  }

  function forget(name: string): void {
    upstreams.get(name)?.destroy();
    upstreams.delete(name);
  }

  function liveOf({ brokers }: QueueMap): Upstream[] {
    const names = brokers.filter(({ phase }) => phase === "live").map(({ name }) => name);
    return names.flatMap((name) => upstreams.get(name) ?? []);
  }

  function ownerUpstream(target: string): Upstream | undefined {
    const names = live.length > 1 ? shardIn(target) : null;
    if (names === null || current === null) return undefined;
    const topic = topicOf(current, names[0]);
    const shard = topic === undefined ? undefined : shardOfTopic(topic, names[1]);
    const owner = shard === undefined ? null : ownerOf(current, shard.tablet);
    return owner?.phase === "live" ? upstreams.get(owner.name) : undefined;
  }

  return {
    apply(map) {
      current = map;
      for (const broker of map.brokers) follow(broker);
      live = liveOf(map);
      for (const [name, upstream] of upstreams) {
        if (map.brokers.some((broker) => broker.name === name)) continue;
        // Told to stop: what it has under way it finishes itself.
        upstream.retire();
        upstreams.delete(name);
      }
    },
    pick(target, tried) {
      const owner = ownerUpstream(target);
      if (owner !== undefined && !tried.includes(owner)) return owner;
      for (let i = 0; i < live.length; i++) {
        const upstream = live[turn++ % live.length] as Upstream;
        if (!tried.includes(upstream)) return upstream;
      }
      return tried.includes(deskUpstream) ? null : deskUpstream;
    },
    close() {
      for (const name of [...upstreams.keys()]) forget(name);
      deskUpstream.destroy();
    },
  };
}

const optionsOf = ({ name, host, port }: MappedBroker) =>
  ({ name, kind: "broker", address: { host, port } }) as const;

function isAt({ address }: Upstream, { host, port }: MappedBroker): boolean {
  return "port" in address && address.host === host && address.port === port;
}
