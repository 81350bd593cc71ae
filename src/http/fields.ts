// The header section: names, values, and which of them matter to a proxy. Used for requests, answers and trailers.
// Nothing is copied: a field is four offsets into the bytes it was read from.
import { byteClass, COLON, CR, DEL, HTAB, LF, SP, shownByte, tokenByte, UNDERSCORE } from "./bytes.ts";

/** The fields that a proxy treats specially; every other field is `other` and forwarded as it came. */
export const field = {
  other: 0,
  /** A name with `_` in it. */
  underscore: 1,
  /** Named by Connection, so it ends here. */
  nominated: 2,
  connection: 3,
  keepAlive: 4,
  proxyConnection: 5,
  te: 6,
  trailer: 7,
  transferEncoding: 8,
  upgrade: 9,
  http2Settings: 10,
  contentLength: 11,
  host: 12,
  expect: 13,
  /** X-Forwarded-anything and X-Real-IP, but the three below. */
  xForwardedOther: 14,
  xForwardedFor: 15,
  xForwardedProto: 16,
  xForwardedHost: 17,
  forwarded: 18,
  via: 19,
  xRequestId: 20,
  /** Roundhouse-anything: ours alone. */
  ours: 21,
  date: 22,
  maxForwards: 23,
  proxyAuthorization: 24,
  /** Fields that forbid sharing a connection with others (upstream batching). */
  cookie: 25,
  authorization: 26,
  range: 27,
  accept: 28,
  traceparent: 29,
  tracestate: 30,
} as const;

const knownNames: readonly (readonly [string, number])[] = [
  ["connection", field.connection],
  ["keep-alive", field.keepAlive],
  ["proxy-connection", field.proxyConnection],
  ["te", field.te],
  ["trailer", field.trailer],
  ["transfer-encoding", field.transferEncoding],
  ["upgrade", field.upgrade],
  ["http2-settings", field.http2Settings],
  ["content-length", field.contentLength],
  ["host", field.host],
  ["expect", field.expect],
  ["x-real-ip", field.xForwardedOther],
  ["x-forwarded-for", field.xForwardedFor],
  ["x-forwarded-proto", field.xForwardedProto],
  ["x-forwarded-host", field.xForwardedHost],
  ["forwarded", field.forwarded],
  ["via", field.via],
  ["x-request-id", field.xRequestId],
  ["date", field.date],
  ["max-forwards", field.maxForwards],
  ["proxy-authorization", field.proxyAuthorization],
  ["cookie", field.cookie],
  ["authorization", field.authorization],
  ["range", field.range],
  ["accept", field.accept],
  ["traceparent", field.traceparent],
  ["tracestate", field.tracestate],
];

interface KnownName {
  readonly id: number;
  readonly codes: Uint8Array;
}

const knownByLength: (KnownName[] | undefined)[] = [];
for (const [name, id] of knownNames) {
  const codes = Uint8Array.from(name, (character) => character.charCodeAt(0));
  const sameLength = knownByLength[name.length] ?? [];
  sameLength.push({ id, codes });
  knownByLength[name.length] = sameLength;
}
for (let length = 0; length < knownByLength.length; length++) knownByLength[length] ??= undefined;

const forwardedPrefix = Uint8Array.from("x-forwarded-", (character) => character.charCodeAt(0));
const ownPrefix = Uint8Array.from("roundhouse-", (character) => character.charCodeAt(0));

/** The fields of one head, as offsets. Reused from head to head. */
export interface FieldTable {
  readonly nameStart: Int32Array;
  readonly nameEnd: Int32Array;
  readonly valueStart: Int32Array;
  /** Without trailing white space. */
  readonly valueEnd: Int32Array;
  readonly id: Uint8Array;
  count: number;
  /** Why the section was refused: status for a request, and words. */
  status: number;
  problem: string;
}

export function createFieldTable(countMax: number): FieldTable {
  return {
    nameStart: new Int32Array(countMax),
    nameEnd: new Int32Array(countMax),
    valueStart: new Int32Array(countMax),
    valueEnd: new Int32Array(countMax),
    id: new Uint8Array(countMax),
    count: 0,
    status: 0,
    problem: "",
  };
}

/** What the parsers return instead of an offset. */
export const incomplete = 0;
export const refused = -1;

function refuse(table: FieldTable, status: number, problem: string): number {
  table.status = status;
  table.problem = problem;
  return refused;
}

/**
 * Reads a header section (RFC 9112 section 5) from `start`: the offset after its blank line, {@link incomplete}
 * when `end` came first, or {@link refused}. Every line must end with CR LF; nothing is repaired.
 */
export function parseFields(bytes: Uint8Array, start: number, end: number, table: FieldTable): number {
  let at = start;
  table.count = 0;
  for (;;) {
    if (at >= end) return incomplete;
    const first = bytes[at] as number;
    if (first === CR) {
      if (at + 1 >= end) return incomplete;
      if (bytes[at + 1] !== LF) return refuse(table, 400, "a bare CR in the header section");
      return at + 2;
    }
    at = parseField(bytes, at, end, table);
    if (at <= 0) return at;
  }
}

function parseField(bytes: Uint8Array, start: number, end: number, table: FieldTable): number {
  let at = start;
  let hasUnderscore = false;
  while (at < end && ((byteClass[bytes[at] as number] as number) & tokenByte) !== 0) {
    if (bytes[at] === UNDERSCORE) hasUnderscore = true;
    at++;
  }
  if (at >= end) return incomplete;
  if (bytes[at] !== COLON || at === start) return refuseName(bytes, start, at, table);
  const nameEnd = at++;
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  const valueStart = at;
  while (at < end && isValueByte(bytes[at] as number)) at++;
  if (at + 1 >= end && (at >= end || bytes[at] === CR)) return incomplete;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return refuseValue(bytes, at, table);
  let valueEnd = at;
  while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
  const index = table.count;
  if (index >= table.id.length) {
    return refuse(
      table,
      431,
      `more than ${table.id.length} header fields; at most ${table.id.length} are accepted`,
    );
  }
  table.nameStart[index] = start;
  table.nameEnd[index] = nameEnd;
  table.valueStart[index] = valueStart;
  table.valueEnd[index] = valueEnd;
  table.id[index] = hasUnderscore ? field.underscore : fieldId(bytes, start, nameEnd);
  table.count = index + 1;
  return at + 2;
}

/** RFC 9110 section 5.5: no control characters but HTAB. Reckoned, not looked up: most bytes of a head are values. */
function isValueByte(byte: number): boolean {
  return byte >= SP ? byte !== DEL : byte === HTAB;
}

function refuseName(bytes: Uint8Array, start: number, at: number, table: FieldTable): number {
  const byte = bytes[at] as number;
  if (at === start && (byte === SP || byte === HTAB)) {
    return refuse(table, 400, "a header line begins with white space (obsolete line folding)");
  }
  if (byte === COLON) return refuse(table, 400, "a header field without a name");
  if (byte === SP || byte === HTAB)
    return refuse(table, 400, "white space between a field's name and its colon");
  if (byte === CR || byte === LF) return refuse(table, 400, "a header line without a colon");
  return refuse(table, 400, `${shownByte(byte)} in a field name`);
}

function refuseValue(bytes: Uint8Array, at: number, table: FieldTable): number {
  const byte = bytes[at] as number;
  if (byte === CR) return refuse(table, 400, "a bare CR in a field value");
  if (byte === LF) return refuse(table, 400, "a line that ends with a bare LF");
  return refuse(table, 400, `${shownByte(byte)} in a field value`);
}

/** Which of the {@link field}s this name is, whatever its case. */
export function fieldId(bytes: Uint8Array, start: number, end: number): number {
  const candidates = knownByLength[end - start];
  if (candidates !== undefined) {
    for (let index = 0; index < candidates.length; index++) {
      const known = candidates[index] as KnownName;
      if (startsWith(bytes, start, known.codes)) return known.id;
    }
  }
  const first = (bytes[start] as number) | 32;
  if (first === 120 && end - start > 12 && startsWith(bytes, start, forwardedPrefix))
    return field.xForwardedOther;
  if (first === 114 && end - start > 11 && startsWith(bytes, start, ownPrefix)) return field.ours;
  return field.other;
}

function startsWith(bytes: Uint8Array, start: number, lowerCase: Uint8Array): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    if (((bytes[start + i] as number) | 32) !== lowerCase[i]) return false;
  }
  return true;
}

/** True when these bytes are the given lower-case ASCII word, whatever their case. */
export function equalsIgnoringCase(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[start + i] as number;
    const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    if (lower !== word.charCodeAt(i)) return false;
  }
  return true;
}
