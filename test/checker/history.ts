// What clients of a queue did and were told, as the checker judges it: operations of processes on shards, in the
// manner of Jepsen's Kafka workload. Values are unique: a value is produced by one operation, whatever its retries.

/** `unknown`: no answer came. The operation took effect once or not at all, and perhaps later than its end. */
export type Outcome = "ok" | "fail" | "unknown";

interface Operation {
  /** Who did it. A reader reads one thing after another; a producer may have several under way. */
  readonly process: string;
  readonly shard: string;
  /** One clock for all processes; what ended before another began happened before it. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface Produce extends Operation {
  readonly kind: "produce";
  /** Appended next to each other, in this order, or not at all. */
  readonly values: readonly string[];
  /** Offset of the first value; null where the answer did not say, or did not come. */
  readonly offset: number | null;
  readonly outcome: Outcome;
}

/** Reading on from where the process stands. A poll without an answer told nothing, and is not recorded. */
export interface Poll extends Operation {
  readonly kind: "poll";
  readonly messages: readonly { readonly offset: number; readonly value: string }[];
}

/** The process's next poll of this shard begins here; null: somewhere. */
export interface Seek extends Operation {
  readonly kind: "seek";
  readonly offset: number | null;
}

/** In the order in which the operations of each process ended. */
export type History = readonly (Produce | Poll | Seek)[];
