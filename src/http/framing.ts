// How long a body is (RFC 9112 section 6.3): the two fields that say so, read so strictly that no two readers can
// differ. Anything that another server might read differently is refused, never repaired.
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
  for (let index = 0; index < table.count; index++) {
    const id = table.id[index] as number;
    if (id === field.contentLength) {
      if (into.length >= 0) return refuse(into, 400, "more than one Content-Length; send one");
      into.length = parseLength(bytes, table.valueStart[index] as number, table.valueEnd[index] as number);
      if (into.length < 0)
        return refuse(into, 400, "Content-Length is not a plain decimal number without leading zeros");
      if (into.length > 0 && into.kind === framing.none) into.kind = framing.length;
    } else if (id === field.transferEncoding) {
      if (into.kind === framing.chunked)
        return refuse(into, 400, "more than one Transfer-Encoding; send one");
      if (!isChunked(bytes, table, index)) {
        return refuse(into, 501, "Transfer-Encoding is not exactly `chunked`, the only coding accepted");
      }
      into.kind = framing.chunked;
    }
  }
  if (into.kind !== framing.chunked) return true;
  if (into.length >= 0)
    return refuse(into, 400, "both Content-Length and Transfer-Encoding; send one of them");
  if (versionMinor === 0) return refuse(into, 400, "Transfer-Encoding in an HTTP/1.0 message");
  return true;
}

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

function isChunked(bytes: Uint8Array, table: FieldTable, index: number): boolean {
  return equalsIgnoringCase(
    bytes,
    table.valueStart[index] as number,
    table.valueEnd[index] as number,
    "chunked",
  );
}
