// What producers and consumers ask of a queue, whatever carries it: native-api.ts is the one over HTTP. One question,
// one try; every promise rejects with a RoundhouseError, `retryable` where the same may succeed later.
import type { Place } from "../consumer.ts";
import type { BackedUp, ReleasedTablet } from "../control-command.ts";
import type { Retention, Sizes } from "../tablet.ts";

export interface ShardView {
  readonly name: string;
  /** Offset of the oldest message kept. */
  readonly start: number;
  /** Offset that the next message gets. */
  readonly end: number;
  readonly bytes: number;
  /** Address of its owner, `http://127.0.0.1:40001`; null when nobody owns it now, or it is not known. */
  readonly owner: string | null;
}

export interface TopicView {
  readonly name: string;
  /** In the order of their creation. */
  readonly shards: readonly ShardView[];
  readonly retention: Retention;
}

/** A producer whose batches are stored once, however often they are sent. */
export interface ProducerId {
  readonly id: number;
  readonly epoch: number;
}

export interface ShardName {
  readonly topic: string;
  readonly shard: string;
  /** Who is asked; the queue's own address by default. Any broker serves any shard; its owner does so at once. */
  readonly at?: string | null;
}

export interface FetchOptions {
  readonly offset: number;
  readonly bytesMax: number;
  /** How long to wait for the first message. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

export interface FetchedBatches {
  /** Whole batches; the first may begin before the offset that was asked for. */
  readonly batches: readonly Buffer[];
  /** Where to read on. */
  readonly next: number;
}

export interface QueueApi {
  topic(name: string, signal?: AbortSignal): Promise<TopicView>;
  /** Each topic with the names of its shards. */
  topics(): Promise<readonly { readonly name: string; readonly shards: readonly string[] }[]>;
  /** NAME_TAKEN when there is one of that name. */
  createTopic(name: string, shards: number | readonly string[], retention: Retention): Promise<TopicView>;
  deleteTopic(name: string): Promise<void>;
  newProducer(): Promise<ProducerId>;
  /** Copies everything into a directory of this name beside the data, while the queue goes on. NAME_TAKEN. */
  backUp(name: string): Promise<BackedUp>;
  /** Gives back the disk room that a tablet does not use, while the queue goes on. NOT_FOUND, DISK_FULL. */
  compact(tablet: number): Promise<Sizes>;
  /** Has this tablet tried again that was quarantined, or, with null, each that is. NOT_FOUND, BAD_REQUEST. */
  release(tablet: number | null): Promise<readonly ReleasedTablet[]>;
  /** Appends one record batch; resolves to the offset of its first message when that is durable. */
  append(to: ShardName, batch: Buffer, signal?: AbortSignal): Promise<number>;
  /** OFFSET_OUT_OF_RANGE below the start and above the end; DAMAGED. */
  fetch(from: ShardName, options: FetchOptions): Promise<FetchedBatches>;
  /** What is damaged at this offset and right behind it, and where to read on. */
  gapsAt(
    from: ShardName,
    offset: number,
  ): Promise<{ readonly gaps: readonly DamagedRange[]; readonly next: number }>;
  /** The first offset whose message is of this time or later; the end when there is none. */
  offsetAt(from: ShardName, timestampMs: number): Promise<number>;
  /** Creates a consumer, or finds it where it stands. `from` is for one that is new. */
  openConsumer(topic: string, consumer: string, from: "beginning" | "end"): Promise<Places>;
  /** Where a consumer stands; new shards it reads from their beginning. */
  places(topic: string, consumer: string): Promise<Places>;
  /** Makes durable where a consumer reads on. `at`: who is asked; the queue's own address by default. */
  commit(
    topic: string,
    consumer: string,
    offsets: ReadonlyMap<string, number>,
    at?: string | null,
  ): Promise<void>;
  /** Moves a consumer, durably; resolves to where it stands in all shards. */
  seek(topic: string, consumer: string, place: Place): Promise<Places>;
}

/** Messages that cannot be read: `from` included, `to` not. */
export interface DamagedRange {
  readonly from: number;
  readonly to: number;
  /** What is wrong, in words. */
  readonly reason: string;
}

/** By shard: where to read on. */
export type Places = ReadonlyMap<string, number>;
