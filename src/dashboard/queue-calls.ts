// What the page asks of the queue, through the admin listener (docs/queue-api.md has the whole API).
import { call } from "./calls.ts";

export interface TopicName {
  readonly name: string;
  readonly shards: readonly string[];
}

export interface Shard {
  readonly name: string;
  /** Null: requests for it wait. */
  readonly owner: string | null;
  readonly epoch: number;
  /** Offsets of the oldest message, and of the next one to come. */
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

export interface Topic {
  readonly name: string;
  readonly retention: { readonly age_ms?: number; readonly bytes_max?: number; readonly count_max?: number };
  readonly shards: readonly Shard[];
}

export interface ConsumerPlace {
  readonly name: string;
  /** Messages still to be read, of all shards. */
  readonly lag: number;
  readonly shards: readonly { readonly shard: string; readonly offset: number; readonly lag: number }[];
}

export interface StoredMessage {
  readonly offset: number;
  readonly timestamp_ms: number;
  readonly key?: string;
  readonly key_base64?: string;
  readonly value?: string | null;
  readonly value_base64?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly headers_base64?: Readonly<Record<string, string>>;
}

export interface MessagePage {
  readonly start: number;
  readonly end: number;
  readonly next: number;
  readonly messages: readonly StoredMessage[];
}

export interface Appended {
  readonly appended: readonly { readonly shard: string; readonly base_offset: number }[];
}

const root = "/api/v1/queue/v1/topics";
const name = encodeURIComponent;
/** Consumers that are looked at one by one. */
const consumersMax = 30;

export const listTopics = async (signal: AbortSignal): Promise<readonly TopicName[]> =>
  (await call<{ topics: readonly TopicName[] }>("GET", root, undefined, signal)).topics;

export const describeTopic = (topic: string, signal: AbortSignal): Promise<Topic> =>
  call("GET", `${root}/${name(topic)}`, undefined, signal);

export const createTopic = (topic: string, shards: number): Promise<Topic> =>
  call("POST", root, { name: topic, shards });

export const deleteTopic = (topic: string): Promise<null> => call("DELETE", `${root}/${name(topic)}`);

export const produce = (topic: string, shard: string | null, message: object): Promise<Appended> =>
  call("POST", `${root}/${name(topic)}${shard === null ? "" : `/shards/${name(shard)}`}/records`, message);

/** The first thirty, the furthest behind first. */
export async function listConsumers(topic: string, signal: AbortSignal): Promise<readonly ConsumerPlace[]> {
  const path = `${root}/${name(topic)}/consumers`;
  const { consumers } = await call<{ consumers: readonly string[] }>("GET", path, undefined, signal);
  const places = consumers
    .slice(0, consumersMax)
    .map((consumer) => call<ConsumerPlace>("GET", `${path}/${name(consumer)}`, undefined, signal));
  return (await Promise.all(places)).sort((a, b) => b.lag - a.lag);
}

/** Where to read: a position, or the first message of a time or later. */
export type From = { readonly offset: number } | { readonly time: number };

export function readMessages(
  topic: string,
  shard: string,
  from: From,
  count: number,
  signal: AbortSignal,
): Promise<MessagePage> {
  const where = "offset" in from ? `offset=${from.offset}` : `time=${from.time}`;
  const path = `${root}/${name(topic)}/shards/${name(shard)}/records`;
  return call("GET", `${path}?${where}&max_messages=${count}&skip_damaged=true`, undefined, signal);
}
