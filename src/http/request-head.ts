// A request's head (RFC 9112 sections 2, 3 and 5): request line, fields, and what they mean for a proxy. Strict:
// what two servers could read differently is refused with a status and words. Bytes in, offsets out; no sockets.
import {
  BACKSLASH,
  byteClass,
  CR,
  hostByte,
  LF,
  QUESTION_MARK,
  queryByte,
  SP,
  shownByte,
  targetByte,
  tokenByte,
} from "./bytes.ts";
import { type ConnectionOptions, readConnectionOptions } from "./connection-options.ts";
import {
  createFieldTable,
  equalsIgnoringCase,
  type FieldTable,
  field,
  incomplete,
  parseFields,
  refused,
} from "./fields.ts";
import { type BodyFraming, framing, readFraming } from "./framing.ts";
import type { HeadMemory } from "./head-memory.ts";
import { type KnownFields, recallFields } from "./known-fields.ts";

/** One parsed head: offsets into the bytes it was parsed from, valid as long as those. Reused from head to head. */
export interface RequestHead {
  readonly fields: FieldTable;
  readonly body: BodyFraming;
  readonly connection: ConnectionOptions;
  /** Where the request line begins (after one empty line that may precede it). */
  start: number;
  /** Where the fields begin, and the offset after the blank line. */
  fieldsStart: number;
  end: number;
  /** Empty until it has been read. */
  method: string;
  /** The target to forward: origin-form, or `*`. In absolute-form the part after the authority. */
  targetStart: number;
  targetEnd: number;
  /** The path was left out (`http://host?x`): `/` comes before the target. */
  targetLacksSlash: boolean;
  /** The request line can be forwarded byte for byte. */
  lineIsOrdinary: boolean;
  versionMinor: number;
  /** The authority: from the target in absolute-form, else the Host field. Empty with HTTP/1.0 without Host. */
  hostStart: number;
  hostEnd: number;
  absoluteForm: boolean;
  /** The client asks for `Upgrade: websocket`, by the rules of RFC 6455 section 4.1. */
  upgradesToWebSocket: boolean;
  expectsContinue: boolean;
  /** Max-Forwards of an OPTIONS (RFC 9110 section 7.6.2), or −1. */
  maxForwards: number;
  /** Its fields are those that the memory knows: {@link RequestHead.fields} is empty, and all else is as if parsed. */
  isKnown: boolean;
  /** Why it was refused. */
  status: number;
  problem: string;
}

export function createRequestHead(headerCountMax: number): RequestHead {
  return {
    fields: createFieldTable(headerCountMax),
    body: { kind: framing.none, length: -1, status: 0, problem: "" },
    connection: { close: false, keepAlive: false, upgrade: false },
    start: 0,
    fieldsStart: 0,
    end: 0,
    method: "",
    targetStart: 0,
    targetEnd: 0,
    targetLacksSlash: false,
    lineIsOrdinary: true,
    versionMinor: 1,
    hostStart: 0,
    hostEnd: 0,
    absoluteForm: false,
    upgradesToWebSocket: false,
    expectsContinue: false,
    maxForwards: -1,
    isKnown: false,
    status: 0,
    problem: "",
  };
}

/** Methods longer than any that is registered are not implemented. */
const methodBytesMax = 32;

/**
 * The offset after the head, {@link incomplete}, or {@link refused} with `head.status` and `head.problem`. `memory`:
 * the fields of earlier requests for which `isPlainGet` held.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  headBytesMax: number,
  head: RequestHead,
  memory: HeadMemory<KnownFields> | null = null,
): number {
  head.method = "";
  head.isKnown = false;
  const lineEnd = parseRequestLine(bytes, start, end, head);
  if (lineEnd === refused) return refused;
  if (lineEnd === incomplete) {
    return end - start > headBytesMax ? refuse(head, 414, tooLong("request line", headBytesMax)) : incomplete;
  }
  head.fieldsStart = lineEnd;
  if (memory?.known && recallFields(bytes, end, headBytesMax, head, memory, memory.known)) return head.end;
  const headEnd = parseFields(bytes, lineEnd, end, head.fields);
  if (headEnd === refused) return refuse(head, head.fields.status, head.fields.problem);
  if ((headEnd === incomplete ? end : headEnd) - start > headBytesMax) {
    return lineEnd - start > headBytesMax
      ? refuse(head, 414, tooLong("request line", headBytesMax))
      : refuse(head, 431, tooLong("request's head", headBytesMax));
  }
  if (headEnd === incomplete) return incomplete;
  head.end = headEnd;
  return interpret(bytes, head) ? headEnd : refused;
}

function tooLong(what: string, bytesMax: number): string {
  return `the ${what} is longer than ${bytesMax} bytes`;
}

function refuse(head: RequestHead, status: number, problem: string): number {
  head.status = status;
  head.problem = problem;
  return refused;
}

// method SP request-target SP HTTP-version CRLF, one empty line before it ignored (RFC 9112 section 2.2).
function parseRequestLine(bytes: Buffer, start: number, end: number, head: RequestHead): number {
  let at = start;
  if (at >= end) return incomplete;
  if (bytes[at] === CR) {
    if (at + 1 >= end) return incomplete;
    if (bytes[at + 1] !== LF) return refuse(head, 400, "a bare CR before the request line");
    at += 2;
  }
  head.start = at;
  while (at < end && ((byteClass[bytes[at] as number] as number) & tokenByte) !== 0) at++;
  if (at - head.start > methodBytesMax)
    return refuse(head, 501, `a method longer than ${methodBytesMax} bytes`);
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

/** What the lines mean together. */
function interpret(bytes: Buffer, head: RequestHead): boolean {
  const { connection, body } = head;
  connection.close = false;
  connection.keepAlive = false;
  connection.upgrade = false;
  if (head.method === "CONNECT") return no(head, 405, "CONNECT is not offered here");
  if (!readTarget(bytes, head) || !readFields(bytes, head)) return false;
  if (!readFraming(bytes, head.fields, head.versionMinor, body)) return no(head, body.status, body.problem);
  return true;
}

function no(head: RequestHead, status: number, problem: string): false {
  refuse(head, status, problem);
  return false;
}

// RFC 9112 section 3.2: origin-form, absolute-form (whose authority then replaces Host), `*` with OPTIONS.
function readTarget(bytes: Buffer, head: RequestHead): boolean {
  const first = bytes[head.targetStart];
  head.absoluteForm = false;
  head.targetLacksSlash = false;
  head.hostStart = 0;
  head.hostEnd = 0;
  if (first === 47) return true;
  if (first === 42 && head.targetEnd - head.targetStart === 1) {
    return head.method === "OPTIONS" || no(head, 400, "the target `*` belongs to OPTIONS alone");
  }
  return readAbsoluteTarget(bytes, head);
}

function readAbsoluteTarget(bytes: Buffer, head: RequestHead): boolean {
  const { targetStart, targetEnd } = head;
  const scheme = bytes.toString("latin1", targetStart, Math.min(targetEnd, targetStart + 8)).toLowerCase();
  const skipped = scheme.startsWith("http://") ? 7 : scheme === "https://" ? 8 : 0;
  if (skipped === 0)
    return no(head, 400, "a target that begins neither with `/` nor with http:// or https://");
  let at = targetStart + skipped;
  head.hostStart = at;
  while (at < targetEnd && bytes[at] !== 47 && bytes[at] !== 63) at++;
  head.hostEnd = at;
  head.absoluteForm = true;
  head.lineIsOrdinary = false;
  head.targetStart = at;
  head.targetLacksSlash = at === targetEnd || bytes[at] === 63;
  return (
    isHost(bytes, head.hostStart, at) || no(head, 400, "the target's authority is not host or host:port")
  );
}

function readFields(bytes: Buffer, head: RequestHead): boolean {
  const { fields } = head;
  let hosts = 0;
  let upgrade = -1;
  head.expectsContinue = false;
  head.maxForwards = -1;
  for (let index = 0; index < fields.count; index++) {
    const id = fields.id[index];
    if (id === field.other) continue;
    if (id === field.host) {
      if (++hosts > 1) return no(head, 400, "more than one Host");
      if (!readHost(bytes, head, index)) return false;
    } else if (id === field.expect) {
      if (!readExpect(bytes, head, index)) return false;
    } else if (id === field.upgrade) upgrade = index;
    else if (id === field.maxForwards) head.maxForwards = readMaxForwards(bytes, head, index);
  }
  if (hosts === 0 && head.versionMinor === 1) return no(head, 400, "no Host; HTTP/1.1 requires one");
  if (!readConnectionOptions(bytes, fields, head.connection)) {
    return no(head, 400, "Connection is not a list of at most 32 options");
  }
  head.upgradesToWebSocket = upgrade >= 0 && asksForWebSocket(bytes, head, upgrade);
  return true;
}

function readHost(bytes: Buffer, head: RequestHead, index: number): boolean {
  const start = head.fields.valueStart[index] as number;
  const end = head.fields.valueEnd[index] as number;
  if (!isHost(bytes, start, end)) return no(head, 400, "Host is not host or host:port");
  if (head.absoluteForm) return true;
  head.hostStart = start;
  head.hostEnd = end;
  return true;
}

// uri-host [ ":" port ]: a name, an IPv4 address, or an IPv6 address in brackets.
function isHost(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  if (bytes[at] === 91 && at < end) {
    while (at < end && bytes[at] !== 93) at++;
    if (at >= end || at - start < 3) return false;
    for (let inside = start + 1; inside < at; inside++)
      if (!isAddressByte(bytes[inside] as number)) return false;
    at++;
    if (at < end && bytes[at] !== 58) return false;
  } else {
    while (at < end && bytes[at] !== 58) {
      const byte = bytes[at] as number;
      if (((byteClass[byte] as number) & hostByte) === 0 || byte === 91 || byte === 93) return false;
      at++;
    }
  }
  if (at === start) return false;
  for (let digit = at + 1; digit < end; digit++) {
    if ((bytes[digit] as number) < 48 || (bytes[digit] as number) > 57) return false;
  }
  return end - at <= 6;
}

/** Hexadecimal digits, colons and dots: an IPv6 address, perhaps with an IPv4 one at its end. */
function isAddressByte(byte: number): boolean {
  const lower = byte | 32;
  return (byte >= 46 && byte <= 58 && byte !== 47) || (lower >= 97 && lower <= 102);
}

// RFC 9110 section 10.1.1: the only expectation there is; an HTTP/1.0 client cannot have it.
function readExpect(bytes: Buffer, head: RequestHead, index: number): boolean {
  const start = head.fields.valueStart[index] as number;
  const end = head.fields.valueEnd[index] as number;
  if (!equalsIgnoringCase(bytes, start, end, "100-continue")) {
    return no(head, 417, "Expect knows only 100-continue");
  }
  head.expectsContinue = head.versionMinor === 1;
  return true;
}

function readMaxForwards(bytes: Buffer, head: RequestHead, index: number): number {
  if (head.method !== "OPTIONS") return -1;
  const text = bytes.toString("latin1", head.fields.valueStart[index], head.fields.valueEnd[index]);
  return /^\d{1,9}$/.test(text) ? Number(text) : -1;
}

function asksForWebSocket(bytes: Buffer, head: RequestHead, index: number): boolean {
  const start = head.fields.valueStart[index] as number;
  const end = head.fields.valueEnd[index] as number;
  return (
    head.connection.upgrade &&
    head.versionMinor === 1 &&
    head.method === "GET" &&
    equalsIgnoringCase(bytes, start, end, "websocket")
  );
}
