// `roundhouse broker` by the project's own client, which asks the shard's owner directly, in three ways: a request for each
// batch (record batches, as the client sends them), message by message through Producer and Consumer, which make batches
// as they see fit, and lines of JSON, as any program can send them.
import { setTimeout as sleep } from "node:timers/promises";
import { connectQueue, type QueueClient } from "../../../src/queue/client/client.ts";
import { createHttpClient } from "../../../src/queue/client/http.ts";
import { packBatch, recordsOf } from "../../../src/queue/records.ts";
import { accepting, freePorts, startPinned } from "../../proxy/pinned-process.ts";
import type { QueuePeer, RunningQueue, Session } from "./peer.ts";

export interface OwnedShard {
  readonly topic: string;
  readonly shard: string;
  /** Address of its owner. */
  readonly at: string;
}

export interface RunningRoundhouse extends RunningQueue {
  readonly client: QueueClient;
  /** Makes a topic and waits until each of its shards has an owner. */
  makeTopic(topic: string, shards: number): Promise<readonly OwnedShard[]>;
  shardsOf(topic: string): Promise<readonly OwnedShard[]>;
}

const COMMIT_EVERY_MS = 200;
const NDJSON = "application/x-ndjson";

export const lineOf = (value: Buffer): string => JSON.stringify({ value: value.toString("latin1") });

export const recordsPath = ({ topic, shard }: OwnedShard): string =>
  `/v1/topics/${topic}/shards/${shard}/records`;

/** Starts it on this data, empty or not. */
export async function startRoundhouse(
  folder: string,
  core: number,
  command: string,
): Promise<RunningRoundhouse> {
  const [port] = (await freePorts(1)) as [number];
  const flags = ["--queue-port", String(port), "--read-port", "off", "--admin-port", "off"];
  const quiet = ["--log-level", "error", "--log-format", "json"];
  const started = startPinned([...command.split(" "), ...flags, "--queue-data", folder, ...quiet], { core });
  await accepting("roundhouse", started, port);
  const client = connectQueue(`http://127.0.0.1:${port}`);

  async function shardsOf(topic: string): Promise<OwnedShard[]> {
    for (;;) {
      const { shards } = await client.api.topic(topic);
      const owned = shards.flatMap(({ name, owner }) => (owner ? [{ topic, shard: name, at: owner }] : []));
      if (owned.length === shards.length) return owned;
      await sleep(5);
    }
  }

  const running = {
    pid: started.pid,
    client,
    shardsOf,
    async makeTopic(topic: string, shards: number) {
      await client.api.createTopic(topic, shards, {});
      return shardsOf(topic);
    },
    async stop() {
      client.close();
      await started.stop();
    },
  };
  return { ...running, open: (topic) => openBatches(running, topic) };
}

type Made = Pick<RunningRoundhouse, "client" | "makeTopic">;

/** One commit under way at a time; what is taken meanwhile goes with the next one. */
function committer(api: QueueClient["api"], { topic, shard, at }: OwnedShard) {
  let committed = 0;
  let wanted = 0;
  let running: Promise<void> | null = null;
  async function commitAll(): Promise<void> {
    while (committed < wanted) {
      const offset = wanted;
      await api.commit(topic, "bench", new Map([[shard, offset]]), at);
      committed = offset;
    }
    running = null;
  }
  return {
    taken(offset: number): void {
      wanted = offset;
      running ??= commitAll();
    },
    done: async (): Promise<void> => void (await running),
  };
}

/** Record batches: each call is one batch in the shard, and each message in it has its offset. */
async function openBatches({ client, makeTopic }: Made, topic: string): Promise<Session> {
  const { api } = client;
  const [shard] = (await makeTopic(topic, 1)) as [OwnedShard];
  await api.openConsumer(topic, "bench", "beginning");
  let next = 0;
  return {
    async produce(values) {
      await api.append(
        shard,
        packBatch(
          values.map((value) => ({ value })),
          { timestampMs: Date.now() },
        ),
      );
    },
    async consume(_batch, take, signal) {
      const commits = committer(api, shard);
      while (!signal.aborted) {
        // The smallest limit gives one stored batch, and these are as large as they were produced.
        const fetched = await api.fetch(shard, { offset: next, bytesMax: 1, waitMs: 100 });
        for (const batch of fetched.batches) {
          take(Array.from(recordsOf(batch, next), ({ value }) => value as Buffer));
        }
        if (fetched.next === next) continue;
        next = fetched.next;
        commits.taken(next);
      }
      await commits.done();
    },
    remove: () => api.deleteTopic(topic),
  };
}

/** Producer and Consumer as an application has them: the client makes the batches. */
async function openStream({ client, makeTopic }: Made, topic: string): Promise<Session> {
  await makeTopic(topic, 1);
  const producer = client.producer();
  const consumer = await client.consumer(topic, "bench");
  return {
    async produce(values) {
      await Promise.all(values.map((value) => producer.send(topic, { value })));
    },
    async consume(_batch, take, signal) {
      // As the consumer's own iterator does it: places are made durable now and then, beside the reading.
      const commits = setInterval(() => void consumer.commit(), COMMIT_EVERY_MS);
      while (!signal.aborted) {
        const messages = await consumer.poll({ waitMs: 100 });
        if (messages.length > 0) take(messages.map(({ value }) => value as Buffer));
      }
      clearInterval(commits);
      await consumer.commit();
    },
    async remove() {
      await producer.close();
      await consumer.close();
      await client.api.deleteTopic(topic);
    },
  };
}

async function openNdjson({ client, makeTopic }: Made, topic: string): Promise<Session> {
  const { api } = client;
  const http = createHttpClient();
  const [shard] = (await makeTopic(topic, 1)) as [OwnedShard];
  await api.openConsumer(topic, "bench", "beginning");
  const path = recordsPath(shard);
  let next = 0;
  return {
    async produce(values) {
      const body = values.map(lineOf).join("\n");
      const headers = { "content-type": NDJSON };
      const { status } = await http.ask(shard.at, { method: "POST", path, headers, body });
      if (status >= 300) throw new Error(`Roundhouse answered ${status} to ${values.length} NDJSON messages`);
    },
    async consume(batch, take, signal) {
      const commits = committer(api, shard);
      while (!signal.aborted) {
        const query = `?offset=${next}&max_messages=${batch}&wait_ms=100`;
        const headers = { accept: NDJSON };
        const answer = await http.ask(shard.at, { method: "GET", path: path + query, headers });
        const lines = String(answer.body).split("\n").filter(Boolean);
        if (lines.length === 0) continue;
        take(lines.map((line) => Buffer.from((JSON.parse(line) as { value: string }).value)));
        next = Number(answer.header("next-offset"));
        commits.taken(next);
      }
      await commits.done();
    },
    async remove() {
      await api.deleteTopic(topic);
      http.close();
    },
  };
}

/** @param command what to start: `node dist/cli/main.js broker` */
export function roundhousePeers(command: string): readonly QueuePeer[] {
  const ways = { roundhouse: openBatches, "roundhouse client": openStream, "roundhouse ndjson": openNdjson };
  return Object.entries(ways).map(([name, open]) => ({
    name,
    program: null,
    acknowledgement: "synced",
    synced: true,
    async start(folder, core) {
      const running = await startRoundhouse(folder, core, command);
      return { ...running, open: (topic) => open(running, topic) };
    },
  }));
}
