// How long a body is (RFC 9112 section 6.3): the two fields that say so, read so strictly that no two readers can
// differ. Anything that another server might read differently is refused, never repaired.
import { CR, SP } from "./bytes.ts";
import { equalsIgnoringCase, type FieldTable, field } from "./fields.ts";

/** How a body is framed. */
export const framing = {
  /** No body, or a body of length 0. */
  none: 0,
  /** Content-Length bytes. */
  length: 1,
  chunked: 2,
  /** Until the sender closes: answers only. */
  untilClose: 3,
} as const;

export interface BodyFraming {
  kind: number;
  /** With `length`: bytes. Also what Content-Length said where no body may follow (HEAD, 304). −1: not said. */
  length: number;
  /** Content-Length stands behind one space and before its CR LF: the form that every reader takes for the same. */
  isPlain: boolean;
  status: number;
  problem: string;
}

/** 15 digits are below 2^53, so a sum of them is exact. */
const lengthDigitsMax = 15;

/** Reads Content-Length and Transfer-Encoding. `none` with length −1 when neither is there. False: refused. */
export function readFraming(
  bytes: Uint8Array,
  table: FieldTable,
  versionMinor: number,
  into: BodyFraming,
): boolean {
  into.kind = framing.none;
  into.length = -1;
  let coding = -1;
  for (let index = 0; index < table.count; index++) {
    const id = table.id[index] as number;
    if (id === field.contentLength) {
      if (into.length >= 0) return refuse(into, 400, "more than one Content-Length; send one");
      into.length = parseLength(bytes, table.valueStart[index] as number, table.valueEnd[index] as number);
      if (into.length < 0)
        return refuse(into, 400, "Content-Length is not a plain decimal number without leading zeros");
      into.isPlain = standsPlainly(bytes, table, index);
    } else if (id === field.transferEncoding) {
      if (coding >= 0) return refuse(into, 400, "more than one Transfer-Encoding; send one");
      coding = index;
    }
  }
  if (coding >= 0) return readCoding(bytes, table, coding, versionMinor, into);
  if (into.length > 0) into.kind = framing.length;
  return true;
}

function readCoding(
  bytes: Uint8Array,
  table: FieldTable,
  index: number,
  versionMinor: number,
  into: BodyFraming,
): boolean {
  if (into.length >= 0)
    return refuse(into, 400, "both Content-Length and Transfer-Encoding; send one of them");
  if (versionMinor === 0) return refuse(into, 400, "Transfer-Encoding in an HTTP/1.0 message");
  const start = table.valueStart[index] as number;
  const end = table.valueEnd[index] as number;
  if (!equalsIgnoringCase(bytes, start, end, "chunked")) return refuseCoding(bytes, start, end, into);
  into.kind = framing.chunked;
  return true;
}

/**
 * RFC 9112 section 6.3: without `chunked` as the last coding nobody knows where a request ends, which is 400 whatever
 * the codings are; where the end is clear and a coding below is not understood, section 6.1 has 501.
 */
function refuseCoding(bytes: Uint8Array, start: number, end: number, into: BodyFraming): boolean {
  const codings = Buffer.from(bytes.subarray(start, end)).toString("latin1");
  if (codingsBelowChunked.test(codings) && !/\bchunked[ \t]*,/i.test(codings))
    return refuse(into, 501, "a transfer coding below `chunked`; only `chunked` alone is accepted");
  return refuse(into, 400, "Transfer-Encoding is not exactly `chunked`, the only coding accepted");
}

const codingsBelowChunked = /^(?:[!#$%&'*+\-.^_`|~\w]+[ \t]*,[ \t]*)+chunked$/i;

function refuse(into: BodyFraming, status: number, problem: string): boolean {
  into.status = status;
  into.problem = problem;
  return false;
}

function parseLength(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > lengthDigitsMax) return -1;
  if (bytes[start] === 48 && end - start > 1) return -1; // legal, but there are servers that read it as octal
  let length = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

function standsPlainly(bytes: Uint8Array, table: FieldTable, index: number): boolean {
  const nameEnd = table.nameEnd[index] as number;
  const start = table.valueStart[index] as number;
  return start === nameEnd + 2 && bytes[nameEnd + 1] === SP && bytes[table.valueEnd[index] as number] === CR;
}
