// Failures of the native API as the client sees them: RFC 9457 problem details. A service throws RoundhouseErrors, or
// a WireProblem where status and further members are its own matter.
import { type ErrorCode, RoundhouseError } from "../../errors.ts";
import { JsonFault } from "./json-scanner.ts";
import type { Answer } from "./service.ts";

/** What only the HTTP side knows, besides {@link ErrorCode}. */
export type ProblemCode =
  | ErrorCode
  | "MALFORMED_JSON"
  | "TOO_LARGE"
  | "METHOD_NOT_ALLOWED"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "NOT_ACCEPTABLE"
  | "NOT_OWNER"
  | "OUTCOME_UNKNOWN"
  | "MALFORMED_HTTP"
  | "INTERNAL";

export class WireProblem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  /** Further members of the problem document. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: ProblemCode,
    detail: string,
    members: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.members = members;
  }
}

/** The status that tells a RoundhouseError; what is not named is our own fault. */
const statuses: Partial<Record<ErrorCode, number>> = {
  BAD_REQUEST: 400,
  BAD_BATCH: 400,
  // 416 is for the Range field alone (RFC 9110 section 15.5.17), and an offset is none.
  OFFSET_OUT_OF_RANGE: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  COMPRESSION_UNSUPPORTED: 406,
  NAME_TAKEN: 409,
  OFFSET_MISMATCH: 409,
  PRODUCER_FENCED: 409,
  SEQUENCE_GAP: 409,
  DAMAGED: 500,
  STORE_FAILED: 503,
  FENCED: 503,
  FULL: 503,
  SHUTTING_DOWN: 503,
  TIMEOUT: 503,
  UNREACHABLE: 503,
  DISK_FULL: 507,
};

/** Status, code, words and members of anything that was thrown. */
export function problemOf(error: unknown): WireProblem {
  if (error instanceof WireProblem) return error;
  if (error instanceof JsonFault) {
    const detail = `Cannot read the body: ${error.message} at byte ${error.byte}`;
    return new WireProblem(400, "MALFORMED_JSON", detail, { byte: error.byte });
  }
  if (error instanceof RoundhouseError) {
    return new WireProblem(statuses[error.code] ?? 500, error.code, error.message, membersOf(error));
  }
  return new WireProblem(
    500,
    "INTERNAL",
    "Cannot serve this: a fault of the broker, which its log describes",
  );
}

function membersOf(error: RoundhouseError): Readonly<Record<string, unknown>> {
  return error.retryable ? { retryable: true } : {};
}

export function problemAnswer({ status, code, message, members }: WireProblem): Answer {
  const title = code.toLowerCase().replaceAll("_", " ");
  const retry = status === 503 || status === 507 ? "Retry-After: 1\r\n" : "";
  const allow = typeof members.allow === "string" ? `Allow: ${members.allow}\r\n` : "";
  return {
    status,
    type: "application/problem+json",
    body: JSON.stringify({ type: "about:blank", title, status, code, detail: message, ...members }),
    fields: retry + allow,
  };
}
