// A request's first line (RFC 9112 section 3), byte by byte: method, target and version, and where they stand. What the
// target means is in request-target.ts.
import {
  BACKSLASH,
  byteClass,
  CR,
  LF,
  QUESTION_MARK,
  queryByte,
  SP,
  shownByte,
  targetByte,
  tokenByte,
} from "./bytes.ts";
import { incomplete } from "./fields.ts";
import { type RequestHead, refuse } from "./request-head.ts";

/** Methods longer than any that is registered are not implemented: 501 (RFC 9112 section 3). */
const methodBytesMax = 32;
/** What goes on beyond this is no method: 400. */
const methodLookBytes = 256;

// method SP request-target SP HTTP-version CRLF, one empty line before it ignored (RFC 9112 section 2.2).
export function parseRequestLine(bytes: Buffer, start: number, end: number, head: RequestHead): number {
  let at = start;
  if (at >= end) return incomplete;
  if (bytes[at] === CR) {
    if (at + 1 >= end) return incomplete;
    if (bytes[at + 1] !== LF) return refuse(head, 400, "a bare CR before the request line");
    at += 2;
  }
  head.start = at;
  while (at < end && ((byteClass[bytes[at] as number] as number) & tokenByte) !== 0) at++;
  if (at - head.start > methodBytesMax && (at < end || at - head.start > methodLookBytes))
    return refuseMethod(at - head.start, head);
  if (at >= end) return incomplete;
  if (bytes[at] !== SP || at === head.start) {
    return refuse(head, 400, `${shownByte(bytes[at] as number)} where a method and one space are due`);
  }
  head.method = methodName(bytes, head.start, at);
  const targetStart = ++at;
  while (at < end && ((byteClass[bytes[at] as number] as number) & targetByte) !== 0) at++;
  if (bytes[at] === BACKSLASH && bytes.subarray(targetStart, at).includes(QUESTION_MARK)) {
    while (at < end && ((byteClass[bytes[at] as number] as number) & queryByte) !== 0) at++;
  }
  if (at >= end) return incomplete;
  if (bytes[at] !== SP || at === targetStart) return refuseTarget(bytes, targetStart, at, head);
  head.targetStart = targetStart;
  head.targetEnd = at;
  return parseVersion(bytes, at + 1, end, head);
}

function refuseMethod(length: number, head: RequestHead): number {
  if (length > methodLookBytes) return refuse(head, 400, `no method within ${methodLookBytes} bytes`);
  return refuse(head, 501, `a method longer than ${methodBytesMax} bytes`);
}

function refuseTarget(bytes: Buffer, start: number, at: number, head: RequestHead): number {
  const byte = bytes[at] as number;
  if (at === start) return refuse(head, 400, "no target after the method and one space");
  if (byte === CR || byte === LF) return refuse(head, 400, "a request line without an HTTP version");
  return refuse(head, 400, `${shownByte(byte)} in the target; it must be percent-encoded`);
}

const versionPrefix = [72, 84, 84, 80, 47]; // HTTP/

function parseVersion(bytes: Buffer, start: number, end: number, head: RequestHead): number {
  for (let i = 0; i < 5; i++) {
    if (start + i >= end) return incomplete;
    if (bytes[start + i] !== versionPrefix[i])
      return refuse(head, 400, "no HTTP version after the target and one space");
  }
  if (start + 8 > end) return incomplete;
  const major = (bytes[start + 5] as number) - 48;
  const minor = (bytes[start + 7] as number) - 48;
  if (major < 0 || major > 9 || bytes[start + 6] !== 46 || minor < 0 || minor > 9) {
    return refuse(head, 400, "an HTTP version that is not two digits with a dot between");
  }
  if (start + 8 >= end) return incomplete;
  if (bytes[start + 8] !== CR)
    return refuse(head, 400, "the request line does not end with CR LF after its version");
  if (start + 9 >= end) return incomplete;
  if (bytes[start + 9] !== LF) return refuse(head, 400, "a bare CR in the request line");
  if (major !== 1) return refuse(head, 505, `HTTP/${major}.${minor} is not spoken here; use HTTP/1.1`);
  head.versionMinor = minor === 0 ? 0 : 1; // 1.2 to 1.9 are read as the highest we know (RFC 9110 section 2.5)
  head.lineIsOrdinary = minor === 1;
  return start + 10;
}

/**
 * RFC 9113 section 3.4: the request line with which HTTP/2 begins, refused as a request. What follows it is for who
 * takes the connection over.
 */
export function beginsHttp2(bytes: Buffer, start: number): boolean {
  return bytes.toString("latin1", start, start + http2Line.length) === http2Line;
}

const http2Line = "PRI * HTTP/2.0\r\n";

/** The usual methods without making a string. */
function methodName(bytes: Buffer, start: number, end: number): string {
  if (end - start === 3 && bytes[start] === 71 && bytes[start + 1] === 69 && bytes[start + 2] === 84)
    return "GET";
  return bytes.toString("latin1", start, end);
}
