// A tablet: the unit of storage and ownership, with the logs of a fixed set of shards. This file is the interface
// that the broker sees and the rules that every store keeps; stores/lmdb.ts is the store of one machine, and one on
// JetStream streams will follow.
//
// The rules: an append is answered when it is durable as the tablet's `durability` says, and not before. Nobody reads
// past what has been answered. Once another owner has raised the epoch nothing is written any more: every call
// rejects with FENCED.

/** When an append counts as done. */
export type Durability =
  | "synced" // it is on the disk: survives a power cut
  | "written"; // the operating system has it and will sync it soon: survives a crash of the process only

/** Why a tablet takes no appends; `open` is the normal state. Reads work in `open` and `full`. */
export type TabletState =
  | "open"
  | "full" // the disk is: appends are refused and tried again by themselves when there is room
  | "fenced" // another owner has a higher epoch
  | "failed" // the disk failed a write: this tablet is given up until it is opened anew
  | "closed";

/** One ordered log, as its readers may know it. */
export interface ShardRange {
  /** Offset of the oldest message kept; equals `end` when there is none. */
  readonly start: number;
  /** Offset that the next message gets. */
  readonly end: number;
  /** Bytes of the batches kept. */
  readonly bytes: number;
}

export interface Append {
  readonly shard: number;
  /** One record batch. Its first 16 bytes are stamped in place; it must not be changed until the promise settles. */
  readonly batch: Buffer;
  /** Append only if the shard ends here, else refuse with OFFSET_MISMATCH. Default: wherever it ends. */
  readonly expectedOffset?: number;
  /** True when the caller has packed the batch itself, so that it need not be checked again. Default false. */
  readonly trusted?: boolean;
}

export interface Appended {
  /** Offset of the batch's first message. */
  readonly baseOffset: number;
  /** Messages in the batch. */
  readonly count: number;
  /** True when the producer had sent this batch before: nothing was written, and this is the first answer. */
  readonly duplicate: boolean;
}

export interface ReadLimits {
  /** Stop after the batch that reaches this many bytes; at least one batch comes whatever its size. Default 1 MiB. */
  readonly bytesMax?: number;
  /** Stop after the batch that reaches this many messages. Default: no such limit. */
  readonly messagesMax?: number;
  /** Pass over damaged batches and list them, instead of rejecting with DAMAGED. Default false. */
  readonly skipDamaged?: boolean;
}

/** Messages that can no longer be read, by offset: `from` included, `to` not. */
export interface Damage {
  readonly shard: number;
  readonly from: number;
  readonly to: number;
  /** What is wrong, in words. */
  readonly reason: string;
}

export interface Fetched extends ShardRange {
  /** Whole batches; the first may begin before the offset that was asked for. */
  readonly batches: readonly Buffer[];
  /** Where to read on. */
  readonly next: number;
  /** What was passed over; empty unless `skipDamaged` was set. */
  readonly damaged: readonly Damage[];
}

/** What may be kept; a message goes when any of these says so. Undefined: no such limit. */
export interface Retention {
  /** By the owner's clock at the time of the append, so that no producer's clock decides. */
  readonly ageMs?: number | undefined;
  readonly bytesMax?: number | undefined;
  readonly countMax?: number | undefined;
}

/** Of a tablet's file. */
export interface Sizes {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** What happened, for telemetry and long polls. Called synchronously; must not throw. */
export interface TabletEvents {
  /** The shard's readable end was raised, by so many messages in a batch of so many bytes. */
  onAppended?(shard: number, end: number, messages: number, bytes: number): void;
  onCommitted?(appends: number, bytes: number, tookMs: number): void;
  onState?(state: TabletState, reason: string): void;
  onDamaged?(damage: Damage): void;
}

/** All methods that return a promise reject with RoundhouseError; the codes are named where they are special. */
export interface Tablet {
  readonly tablet: number;
  readonly epoch: number;
  state(): TabletState;

  /** The shards there are, ascending. */
  shards(): readonly number[];
  /** Null for a shard that does not exist. */
  range(shard: number): ShardRange | null;
  /** Does nothing when the shard exists. */
  createShard(shard: number): Promise<void>;
  /** Removes the shard with all that is kept for it. Does nothing when it does not exist. */
  deleteShard(shard: number): Promise<void>;

  /**
   * BAD_BATCH, NOT_FOUND, OFFSET_MISMATCH, PRODUCER_FENCED, SEQUENCE_GAP, FULL (too much waits: retry),
   * DISK_FULL, FENCED, STORE_FAILED.
   */
  append(append: Append): Promise<Appended>;
  /** OFFSET_OUT_OF_RANGE below `start` or above `end`; DAMAGED. At `end` an empty answer. */
  read(shard: number, offset: number, limits?: ReadLimits): Promise<Fetched>;
  /** The first offset whose message is of this time or later; `end` when there is none. */
  offsetAt(shard: number, timestampMs: number): Promise<number>;
  /** Removes what the retention no longer allows, whole batches at a time, and tells how many messages went. */
  truncate(shard: number, retention: Retention): Promise<number>;

  /** Where a consumer stands, or null when it never said so. */
  position(shard: number, consumer: string): number | null;
  /** By consumer, at most so many. */
  positions(shard: number, countMax: number): readonly (readonly [consumer: string, offset: number])[];
  setPosition(shard: number, consumer: string, offset: number): Promise<void>;
  removePosition(shard: number, consumer: string): Promise<void>;

  /** A small record of the tablet itself, of at most 64 KiB; null when there is none of that name. */
  note(name: string): Buffer | null;
  /** Those whose names begin so, by name, at most so many. */
  notes(prefix: string, countMax: number): readonly (readonly [name: string, content: Buffer])[];
  /** Durable when it resolves; null removes it. Notes of one name are written in the order of the calls. */
  setNote(name: string, content: Buffer | null): Promise<void>;

  /** Copies what is committed now into this file, which must not exist, in its smallest form and synced. */
  copyTo(file: string): Promise<void>;

  /**
   * Gives back the disk room that is not used any more. Appends that arrive meanwhile wait; reads go on. DISK_FULL when
   * there is no room for the copy that takes the file's place: then nothing has changed.
   */
  compact(): Promise<Sizes>;

  /** Waits for what is under way, then lets go of the files. */
  close(): Promise<void>;
}
