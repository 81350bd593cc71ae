// What a broker asks of the control plane, which alone changes topics, shards, ids and brokers; and what it gets.
import type { IdSeries, ShardEntry, TopicEntry } from "./catalog.ts";
import type { Retention, Sizes } from "./tablet.ts";

export type ControlCommand =
  /** NAME_TAKEN when it exists, BAD_REQUEST for names that are not accepted. */
  | {
      readonly kind: "createTopic";
      readonly topic: string;
      /** Names of its shards, in the order of their creation. */
      readonly shards: readonly string[];
      readonly retention: Retention;
      /** Not to be listed: a scratch topic. Default false. */
      readonly hidden?: boolean;
      /** Puts all its shards into this tablet. Default: over all tablets in turn. */
      readonly tablet?: number;
    }
  /** NAME_TAKEN when the shard exists; NOT_FOUND without the topic, unless it may be created. */
  | {
      readonly kind: "addShard";
      readonly topic: string;
      readonly shard: string;
      /** Creates the topic, with this shard, when there is none. */
      readonly createTopic: boolean;
    }
  /** NOT_FOUND when there is none. */
  | { readonly kind: "deleteTopic"; readonly topic: string }
  | { readonly kind: "takeId"; readonly series: IdSeries }
  /** Copies everything into a directory of this name, beside the data; NAME_TAKEN, BAD_REQUEST. */
  | { readonly kind: "backUp"; readonly backup: string }
  /** Has the owner give back the disk room that the tablet's file does not use. NOT_FOUND, DISK_FULL, STORE_FAILED. */
  | { readonly kind: "compact"; readonly tablet: number }
  /** Lets a tablet that is quarantined be tried again, or, with null, each that is. NOT_FOUND, BAD_REQUEST. */
  | { readonly kind: "release"; readonly tablet: number | null }
  /** Resolves when it serves; NAME_TAKEN when there is one of that name. */
  | { readonly kind: "addBroker"; readonly broker: string }
  /** Resolves when its tablets are with others and its process has ended; null: all brokers. NOT_FOUND. */
  | { readonly kind: "removeBroker"; readonly broker: string | null };

export interface BackedUp {
  /** A data directory that can be started as it is. */
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}

export interface ReleasedTablet {
  readonly tablet: number;
  /** The broker that serves it now; null: it has failed again, or nobody could try yet. */
  readonly owner: string | null;
  /** Why it is quarantined again, or null. */
  readonly reason: string | null;
}

/** By the command's kind. When it arrives, the asker's map shows the change. */
export interface ControlResults {
  readonly createTopic: TopicEntry;
  readonly addShard: ShardEntry;
  readonly deleteTopic: null;
  readonly takeId: number;
  readonly backUp: BackedUp;
  readonly compact: Sizes;
  readonly release: readonly ReleasedTablet[];
  readonly addBroker: null;
  readonly removeBroker: null;
}

export type ControlResult<C extends ControlCommand> = ControlResults[C["kind"]];

/** Rejects with a RoundhouseError whose code is the command's. */
export type Control = <C extends ControlCommand>(command: C) => Promise<ControlResult<C>>;
