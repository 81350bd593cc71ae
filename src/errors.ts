// The one error class of the program. `ring/` and `http/` import nothing of ours: they throw RangeError and
// TypeError (ring) or return a refusal as a value (http).

/** Where the fault lies: with the client's side, with the replica's side, or with us. */
export type ErrorSource = "downstream" | "upstream" | "internal";

/** What went wrong, for programs. The message is for people. */
export type ErrorCode =
  | "BAD_CONFIG"
  | "BAD_REQUEST"
  | "FORBIDDEN"
  | "FULL"
  | "NAME_TAKEN"
  | "NOT_FOUND"
  | "PORT_IN_USE"
  | "START_FAILED"
  | "TIMEOUT"
  | "UNREACHABLE"
  | "SHUTTING_DOWN";

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
