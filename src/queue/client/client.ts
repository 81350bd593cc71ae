// The public entry of the package's `./client` export: producers and consumers of a queue that runs elsewhere, over its
// HTTP API. It loads no store. `./queue` is the queue inside one's own process.
//
//   const client = connectQueue("http://127.0.0.1:5005");
//   const producer = client.producer();
//   await producer.send("orders", { key: "alice", value: "1 umbrella" });
//   for await (const message of await client.consumer("orders", "billing")) console.log(String(message.value));
import type { Place, PollOptions } from "../consumer.ts";
import type { Produced } from "../definitions.ts";
import type { Message, NewMessage } from "../message.ts";
import type { QueueApi, ShardView, TopicView } from "./api.ts";
import { openConsumerOn, type RemoteConsumer, type RemoteConsumerOptions } from "./consumer.ts";
import { createHttpClient } from "./http.ts";
import { nameless } from "./nameless.ts";
import { createNativeApi } from "./native-api.ts";
import { createProducerOn, type Producer, type ProducerOptions, type SendOptions } from "./producer.ts";

export { RoundhouseError } from "../../errors.ts";
export type {
  Message,
  NewMessage,
  Place,
  PollOptions,
  Produced,
  Producer,
  ProducerOptions,
  QueueApi,
  RemoteConsumer,
  RemoteConsumerOptions,
  SendOptions,
  ShardView,
  TopicView,
};

export interface ClientOptions {
  /** Bearer token; default: the environment's ROUNDHOUSE_TOKEN. */
  readonly token?: string;
  /**
   * Whether shards' owners are asked directly, at the addresses that the queue names; else everything goes by the
   * queue's own address. Default: when that is on this machine, since brokers listen on loopback.
   */
  readonly direct?: boolean;
}

export interface QueueClient {
  /** Single questions, each tried once. */
  readonly api: QueueApi;
  producer(options?: ProducerOptions): Producer;
  /** A consumer of this name; it goes on where it was. Null: without a name, and the queue keeps nothing of it. */
  consumer(topic: string, name: string | null, options?: RemoteConsumerOptions): Promise<RemoteConsumer>;
  /** Ends the kept connections; producers and consumers are to be closed before. */
  close(): void;
}

/** @param url the queue port of a front door, or its front port where `--queue-paths` is set */
export function connectQueue(url: string, options: ClientOptions = {}): QueueClient {
  const { origin, hostname } = new URL(url);
  const http = createHttpClient(options.token);
  const api = createNativeApi(http, origin);
  const direct = options.direct ?? isLoopback(hostname);
  return {
    api,
    producer: (producerOptions) => createProducerOn(api, direct, producerOptions),
    consumer: (topic, name, consumerOptions) =>
      openConsumerOn(name === null ? nameless(api) : api, direct, topic, name ?? "", consumerOptions),
    close: http.close,
  };
}

const isLoopback = (hostname: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
