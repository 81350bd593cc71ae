// What a queue inside one process is, what it is told and what it tells. queue.ts, the public entry, hands these on.
import type { Consumer, ConsumerOptions } from "./consumer.ts";
import type { Message, NewMessage } from "./message.ts";
import type { Damage, Durability, Retention } from "./tablet.ts";

export interface QueueOptions {
  /** The directory that holds everything; made if it is missing. One program at a time. */
  readonly dataDir: string;
  /** When a produce is answered; default `synced`: a power cut loses nothing that was answered. */
  readonly durability?: Durability;
  /** Files that a new data directory spreads its shards over; default 32, and never changed afterwards. */
  readonly tablets?: number;
  /** Largest message; default 1 MiB. */
  readonly messageBytesMax?: number;
  /** How often retention looks for what may go; default 30 s. 0: only when asked. */
  readonly retentionEveryMs?: number;
  /** Told when stored messages turn out to be damaged. */
  readonly onDamaged?: (damage: Damage) => void;
}

export interface TopicOptions {
  /** How many shards, named P1, P2 …; or their names. Default 1. */
  readonly shards?: number | readonly string[];
  /** What may be kept; default everything. */
  readonly retention?: Retention;
}

export interface ShardInfo {
  readonly name: string;
  /** Offset of the oldest message kept. */
  readonly start: number;
  /** Offset that the next message gets. */
  readonly end: number;
  readonly bytes: number;
}

export interface TopicInfo {
  readonly name: string;
  readonly shards: readonly ShardInfo[];
  readonly retention: Retention;
}

export interface Produced {
  readonly shard: string;
  readonly offset: number;
}

export interface ProduceOptions {
  /** The shard's name; default: by key, else in turn. */
  readonly shard?: string;
  /** Append only if the shard ends here; needs `shard`. Else OFFSET_MISMATCH. */
  readonly expectedOffset?: number;
}

/** Every promise rejects with a RoundhouseError whose message says what would be accepted. */
export interface Queue {
  /** NAME_TAKEN when it exists. */
  createTopic(name: string, options?: TopicOptions): Promise<TopicInfo>;
  /** Its messages and its consumers' places are gone when this resolves. */
  deleteTopic(name: string): Promise<void>;
  /** In the order of their creation. */
  topics(): readonly string[];
  topic(name: string): Promise<TopicInfo>;
  /** Resolves when the message is durable. */
  produce(topic: string, message: NewMessage, options?: ProduceOptions): Promise<Produced>;
  /** Many at once, in their order; each shard's part is one batch, stored whole or not at all. */
  produceAll(
    topic: string,
    messages: readonly NewMessage[],
    options?: ProduceOptions,
  ): Promise<readonly Produced[]>;
  /** Messages of one shard from this offset on, without a consumer. */
  read(topic: string, shard: string, offset: number, messagesMax?: number): Promise<readonly Message[]>;
  /** A consumer of this name; see {@link Consumer}. */
  consumer(topic: string, name: string, options?: ConsumerOptions): Promise<Consumer>;
  /** Removes what retention no longer allows, now; tells how many messages went. */
  applyRetention(): Promise<number>;
  /** Finishes what is under way and frees the directory. */
  close(): Promise<void>;
}
