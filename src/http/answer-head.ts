// An answer's head (RFC 9112 sections 4 to 6), as an upstream sends it: status line, fields, how its body is framed.
// As strict as for requests: what is malformed is refused here and never reaches a client.
import { byteClass, CR, LF, SP, valueByte } from "./bytes.ts";
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

/** One parsed answer head: offsets into the bytes it was parsed from. Reused from head to head. */
export interface AnswerHead {
  readonly fields: FieldTable;
  readonly body: BodyFraming;
  readonly connection: ConnectionOptions;
  start: number;
  fieldsStart: number;
  end: number;
  versionMinor: number;
  code: number;
  /** The reason phrase, which may be empty. */
  reasonStart: number;
  reasonEnd: number;
  hasDate: boolean;
  /** `Keep-Alive: timeout=5`, in seconds; −1 when it was not said. */
  keepAliveTimeoutS: number;
  /** `Upgrade: websocket` in an answer that switches to it (101) or demands it (426). */
  namesWebSocket: boolean;
  /** It is the one that the memory knows: {@link AnswerHead.fields} is empty, and so is the reason. */
  isKnown: boolean;
  problem: string;
}

export function createAnswerHead(headerCountMax: number): AnswerHead {
  return {
    fields: createFieldTable(headerCountMax),
    body: { kind: framing.none, length: -1, isPlain: true, status: 0, problem: "" },
    connection: { close: false, keepAlive: false, upgrade: false },
    start: 0,
    fieldsStart: 0,
    end: 0,
    versionMinor: 1,
    code: 0,
    reasonStart: 0,
    reasonEnd: 0,
    hasDate: false,
    keepAliveTimeoutS: -1,
    namesWebSocket: false,
    isKnown: false,
    problem: "",
  };
}

/** A head that may be recalled: of an answer with a Content-Length, which was forwarded with the server's own Date. */
export interface KnownAnswer {
  readonly bytes: Uint8Array;
  readonly code: number;
  readonly versionMinor: number;
  readonly bodyBytes: number;
  readonly close: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveTimeoutS: number;
}

/** What {@link KnownAnswer} can stand for. */
export function isPlainAnswer(head: AnswerHead): boolean {
  return head.code >= 200 && head.body.kind === framing.length && head.hasDate && !head.namesWebSocket;
}

/**
 * The offset after the head, {@link incomplete}, or {@link refused} with `head.problem`. `memory`: an earlier head for
 * which {@link isPlainAnswer} held.
 */
export function parseAnswerHead(
  bytes: Buffer,
  start: number,
  end: number,
  requestMethod: string,
  headBytesMax: number,
  head: AnswerHead,
  memory: HeadMemory<KnownAnswer> | null = null,
): number {
  head.start = start;
  head.isKnown = false;
  if (memory?.known && requestMethod !== "HEAD" && memory.recalls(bytes, start, end)) {
    return recall(head, memory.known);
  }
  const lineEnd = parseStatusLine(bytes, start, end, head);
  if (lineEnd === refused) return refused;
  const headEnd = lineEnd === incomplete ? incomplete : parseFields(bytes, lineEnd, end, head.fields);
  if (headEnd === refused) return refuse(head, head.fields.problem);
  if ((headEnd === incomplete ? end : headEnd) - start > headBytesMax) {
    return refuse(head, `a head longer than ${headBytesMax} bytes`);
  }
  if (headEnd === incomplete) return incomplete;
  head.fieldsStart = lineEnd;
  head.end = headEnd;
  return interpret(bytes, requestMethod, head) ? headEnd : refused;
}

function recall(head: AnswerHead, known: KnownAnswer): number {
  const { connection, body } = head;
  head.isKnown = true;
  head.end = head.start + known.bytes.length;
  head.fields.count = 0;
  head.versionMinor = known.versionMinor;
  head.code = known.code;
  head.hasDate = true;
  head.keepAliveTimeoutS = known.keepAliveTimeoutS;
  head.namesWebSocket = false;
  connection.close = known.close;
  connection.keepAlive = known.keepAlive;
  connection.upgrade = false;
  body.kind = framing.length;
  body.length = known.bodyBytes;
  return head.end;
}

function refuse(head: AnswerHead, problem: string): number {
  head.problem = problem;
  return refused;
}

const versionPrefix = [72, 84, 84, 80, 47, 49, 46]; // HTTP/1.

// HTTP-version SP status-code SP [ reason-phrase ] CRLF; the second space may lack when the reason does.
function parseStatusLine(bytes: Buffer, start: number, end: number, head: AnswerHead): number {
  for (let i = 0; i < 7; i++) {
    if (start + i >= end) return incomplete;
    if (bytes[start + i] !== versionPrefix[i]) return refuse(head, "no HTTP/1.0 or HTTP/1.1 status line");
  }
  if (end - start < 14) return incomplete;
  const minor = (bytes[start + 7] as number) - 48;
  if (minor < 0 || minor > 9 || bytes[start + 8] !== SP)
    return refuse(head, "no HTTP/1.0 or HTTP/1.1 status line");
  head.versionMinor = minor === 0 ? 0 : 1;
  head.code = statusCode(bytes, start + 9);
  let at = start + 12;
  if (head.code < 100 || (bytes[at] !== SP && bytes[at] !== CR))
    return refuse(head, "a status code that is not three digits");
  if (bytes[at] === SP) at++;
  head.reasonStart = at;
  while (at < end && ((byteClass[bytes[at] as number] as number) & valueByte) !== 0) at++;
  head.reasonEnd = at;
  if (at >= end || (bytes[at] === CR && at + 1 >= end)) return incomplete;
  if (bytes[at] !== CR || bytes[at + 1] !== LF)
    return refuse(head, "a status line that does not end with CR LF");
  return at + 2;
}

function statusCode(bytes: Buffer, start: number): number {
  let code = 0;
  for (let at = start; at < start + 3; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    code = code * 10 + digit;
  }
  return code;
}

function interpret(bytes: Buffer, requestMethod: string, head: AnswerHead): boolean {
  const { fields, connection, body } = head;
  connection.close = false;
  connection.keepAlive = false;
  connection.upgrade = false;
  head.hasDate = false;
  head.keepAliveTimeoutS = -1;
  head.namesWebSocket = false;
  // What ends here anyway is no reason to withhold an answer, but one not to trust its connection.
  if (!readConnectionOptions(bytes, fields, connection)) connection.close = true;
  readFields(bytes, head);
  if (!readFraming(bytes, fields, head.versionMinor, body)) return no(head, body.problem);
  frame(head, requestMethod);
  return true;
}

function no(head: AnswerHead, problem: string): false {
  refuse(head, problem);
  return false;
}

// RFC 9112 section 6.3: the answers that have no body whatever their fields say; else, without a length, until close.
function frame(head: AnswerHead, requestMethod: string): void {
  const { code, body } = head;
  if (code < 200 || code === 204 || code === 304 || requestMethod === "HEAD") body.kind = framing.none;
  else if (body.kind === framing.none && body.length < 0) body.kind = framing.untilClose;
}

function readFields(bytes: Buffer, head: AnswerHead): void {
  const { fields } = head;
  for (let index = 0; index < fields.count; index++) {
    const id = fields.id[index];
    if (id === field.other) continue;
    if (id === field.date) head.hasDate = true;
    else if (id === field.keepAlive) head.keepAliveTimeoutS = keepAliveTimeout(bytes, fields, index);
    else if (id === field.upgrade && (head.code === 101 || head.code === 426) && head.connection.upgrade) {
      const start = fields.valueStart[index] as number;
      head.namesWebSocket = equalsIgnoringCase(bytes, start, fields.valueEnd[index] as number, "websocket");
    }
  }
}

/** The number after `timeout=`, in seconds. */
function keepAliveTimeout(bytes: Buffer, fields: FieldTable, index: number): number {
  let at = fields.valueStart[index] as number;
  const end = fields.valueEnd[index] as number;
  while (at + 8 < end && !equalsIgnoringCase(bytes, at, at + 8, "timeout=")) at++;
  if (at + 8 >= end) return -1;
  let seconds = 0;
  for (at += 8; at < end && seconds < 100_000; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) break;
    seconds = seconds * 10 + digit;
  }
  return seconds;
}
