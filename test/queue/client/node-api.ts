// The queue's API on a broker in this process, with a way between them that loses questions and answers on purpose: what
// is lost on its way back has been done.
import { RoundhouseError } from "../../../src/errors.ts";
import type { BrokerNode } from "../../../src/queue/broker/node.ts";
import type { ShardEntry, TopicEntry } from "../../../src/queue/catalog.ts";
import type { Places, QueueApi, TopicView } from "../../../src/queue/client/api.ts";
import type { Tablet } from "../../../src/queue/tablet.ts";

export interface Faults {
  /** Fraction of questions that do not arrive. */
  lostQuestions: number;
  /** Fraction of answers that do not arrive. */
  lostAnswers: number;
}

export function createNodeApi(node: BrokerNode, faults: Faults, random: () => number): QueueApi {
  async function over<T>(run: () => Promise<T>): Promise<T> {
    if (random() < faults.lostQuestions) throw lost();
    const answer = await run();
    // Some answers come late, so that what was asked side by side is answered in any order.
    if (random() < 0.2) await new Promise((resolve) => setTimeout(resolve, random() * 3));
    if (random() < faults.lostAnswers) throw lost();
    return answer;
  }

  function topicNamed(name: string): TopicEntry {
    const topic = node.map().topics.find((one) => one.name === name);
    if (topic === undefined) throw new RoundhouseError("NOT_FOUND", `no topic ${name}`);
    return topic;
  }

  function shardNamed(topic: string, name: string): { shard: number; tablet: Tablet } {
    const entry = topicNamed(topic).shards.find((one) => one.name === name) as ShardEntry;
    return { shard: entry.shard, tablet: node.tablet(entry.tablet) as Tablet };
  }

  const viewOf = ({ name, shards, retention }: TopicEntry): TopicView => ({
    name,
    retention,
    shards: shards.map((shard) => {
      const { start = 0, end = 0, bytes = 0 } = node.tablet(shard.tablet)?.range(shard.shard) ?? {};
      return { name: shard.name, start, end, bytes, owner: null };
    }),
  });

  function placesOf(topic: string, consumer: string): Places {
    const places = topicNamed(topic).shards.map(({ name }) => {
      const { shard, tablet } = shardNamed(topic, name);
      return [
        name,
        Math.max(tablet.position(shard, consumer) ?? 0, tablet.range(shard)?.start ?? 0),
      ] as const;
    });
    return new Map(places);
  }

  async function move(topic: string, consumer: string, places: Places): Promise<void> {
    for (const [name, offset] of places) {
      const { shard, tablet } = shardNamed(topic, name);
      await tablet.setPosition(shard, consumer, offset);
    }
  }

  return {
    topic: (name) => over(async () => viewOf(topicNamed(name))),
    topics: () =>
      over(async () =>
        node.map().topics.map(({ name, shards }) => ({ name, shards: shards.map((one) => one.name) })),
      ),
    createTopic: (topic, count, retention) =>
      over(async () => {
        const shards =
          typeof count === "number" ? Array.from({ length: count }, (_, i) => `P${i + 1}`) : count;
        return viewOf(await node.control({ kind: "createTopic", topic, shards, retention }));
      }),
    deleteTopic: (topic) => over(async () => void (await node.control({ kind: "deleteTopic", topic }))),
    newProducer: () =>
      over(async () => ({ id: await node.control({ kind: "takeId", series: "native-producer" }), epoch: 0 })),
    backUp: (backup) => over(() => node.control({ kind: "backUp", backup })),
    compact: (tablet) => over(() => node.control({ kind: "compact", tablet })),
    release: (tablet) => over(() => node.control({ kind: "release", tablet })),
    append: (to, batch) =>
      over(async () => {
        const { shard, tablet } = shardNamed(to.topic, to.shard);
        return (await tablet.append({ shard, batch: Buffer.from(batch) })).baseOffset;
      }),
    fetch: (from, { offset, bytesMax, waitMs, signal }) =>
      over(async () => {
        const { shard, tablet } = shardNamed(from.topic, from.shard);
        if (offset === tablet.range(shard)?.end) {
          const wait = node.awaitAppend([shard], waitMs, signal);
          await wait.over;
          wait.cancel();
        }
        const { batches, next } = await tablet.read(shard, offset, { bytesMax });
        return { batches, next };
      }),
    gapsAt: async (_, offset) => ({ gaps: [], next: offset }),
    offsetAt: (from, timestampMs) =>
      over(async () => {
        const { shard, tablet } = shardNamed(from.topic, from.shard);
        return tablet.offsetAt(shard, timestampMs);
      }),
    openConsumer: (topic, consumer, from) =>
      over(async () => {
        for (const { name, start, end } of viewOf(topicNamed(topic)).shards) {
          const { shard, tablet } = shardNamed(topic, name);
          if (tablet.position(shard, consumer) !== null) continue;
          await tablet.setPosition(shard, consumer, from === "end" ? end : start);
        }
        return placesOf(topic, consumer);
      }),
    places: (topic, consumer) => over(async () => placesOf(topic, consumer)),
    commit: (topic, consumer, places) => over(() => move(topic, consumer, places)),
    seek: (topic, consumer, place) =>
      over(async () => {
        const targets = viewOf(topicNamed(topic)).shards.map(async ({ name, start, end }) => {
          const { shard, tablet } = shardNamed(topic, name);
          if (typeof place === "string") return [name, place === "end" ? end : start] as const;
          if ("timestampMs" in place) return [name, await tablet.offsetAt(shard, place.timestampMs)] as const;
          return [
            name,
            place.shard === name ? place.offset : (tablet.position(shard, consumer) ?? 0),
          ] as const;
        });
        const places = new Map(await Promise.all(targets));
        await move(topic, consumer, places);
        return places;
      }),
  };
}

function lost(): RoundhouseError {
  return new RoundhouseError("UNREACHABLE", "lost on its way", { retryable: true });
}
