// The one error class of the program. `ring/` and `http/` import nothing of ours: they throw RangeError and
// TypeError (ring) or return a refusal as a value (http).

/** Where the fault lies: with the client's side, with the replica's side, or with us. */
export type ErrorSource = "downstream" | "upstream" | "internal";

/** What went wrong, for programs. The message is for people. */
export type ErrorCode =
  | "BAD_CONFIG"
  | "BAD_REQUEST"
  | "FLEET_LED" // another front door leads the fleet of that name
  | "FORBIDDEN"
  | "FULL"
  | "NAME_TAKEN"
  | "NOT_FOUND"
  | "PORT_IN_USE"
  | "START_FAILED"
  | "TIMEOUT"
  | "UNREACHABLE"
  | "SHUTTING_DOWN"
  | "STATE_NOT_SAVED" // a change was made and is not on disk
  // The queue.
  | "BAD_BATCH" // a record batch that is not well formed, or asks for what clients may not ask
  | "COMPRESSION_UNSUPPORTED"
  | "DAMAGED" // stored bytes no longer match their checksum
  | "DATA_DIR_IN_USE"
  | "DATA_FORMAT" // a data directory or tablet of another format version
  | "DISK_FULL"
  | "FENCED" // another owner has taken over: the epoch is no longer ours
  | "OFFSET_MISMATCH" // the caller expected another end of the shard
  | "OFFSET_OUT_OF_RANGE"
  | "PRODUCER_FENCED" // a newer instance of the same producer has appended
  | "SEQUENCE_GAP" // batches of an idempotent producer are missing before this one
  | "STORE_FAILED"; // the disk failed a sync: the tablet is given up

/**
 * An error that says what failed, the value seen, and what would be accepted:
 * `Cannot add replica "S3": a replica of that name exists; choose another name or omit it`.
 */
export class RoundhouseError extends Error {
  override readonly name = "RoundhouseError";
  readonly code: ErrorCode;
  readonly source: ErrorSource;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { source?: ErrorSource; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.source = options.source ?? "internal";
    this.retryable = options.retryable ?? false;
  }
}
