// A second, independent HTTP/1.1 parser, as strict as the grammar: written with regular expressions straight from
// the ABNF of RFC 9110 and 9112, so that it shares no line and no habit with the data plane's own. It judges what
// reaches an upstream and what reaches a client. It is not fast, and it does not recover.
import type { Framing } from "./vectors/vector.ts";

export interface Message {
  /** The request line or status line, without its CRLF. */
  readonly start: string;
  /** Names in lower case, values trimmed, in order. */
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: Framing;
  /** Decoded; one character a byte. */
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
  /** Where the message ends in the bytes given. */
  readonly end: number;
}

export type Parsed =
  | { readonly kind: "message"; readonly message: Message }
  | { readonly kind: "incomplete" }
  | { readonly kind: "fault"; readonly why: string };

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const requestLine = new RegExp(`^${token} (?:/[!$-~"]*|\\*) HTTP/1\\.1$`);
const statusLine = /^HTTP\/1\.1 [1-9][0-9]{2} [\t -~\x80-\xff]*$/;
const fieldLine = new RegExp(
  `^(${token}):[ \\t]*((?:[!-~\\x80-\\xff](?:[\\t -~\\x80-\\xff]*[!-~\\x80-\\xff])?)?)[ \\t]*$`,
);
const hostValue = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]+)(?::[0-9]*)?$/;
const chunkExtension = `(?:;${token}(?:=(?:${token}|"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"))?)*`;
const chunkLine = new RegExp(`^([0-9A-Fa-f]{1,13})${chunkExtension}$`);
const clientLine = new RegExp(`^${token} [!-"$-~]+ HTTP/1\\.[0-9]$`);
const clientChunkLine = new RegExp(
  `^([0-9A-Fa-f]{1,13})${chunkExtension.replaceAll(/;|=/g, "[ \\t]*$&[ \\t]*")}$`,
);
const plainNumber = /^(?:0|[1-9][0-9]{0,14})$/;

const fault = (why: string): Parsed => ({ kind: "fault", why });
const incomplete: Parsed = { kind: "incomplete" };

/**
 * All requests at the beginning of a client's bytes, up to the first that is incomplete or wrong. Wider than
 * {@link parseRequest} where a front door may be wider: empty lines first, HTTP/1.x, absolute targets, no Host in
 * HTTP/1.0, whitespace around a chunk extension, zeros before a length.
 */
export function clientRequests(bytes: string): readonly Message[] {
  const requests: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    while (bytes.startsWith("\r\n", at)) at += 2;
    const head = headAt(bytes, at);
    if (head === null || typeof head === "string" || !clientLine.test(head.start)) break;
    const framing = framingOf(head.fields, /^[0-9]{1,15}$/);
    if (framing.why !== undefined) break;
    const parsed = bodyAt(bytes, head, framing.kind ?? "none", framing.length, clientChunkLine);
    if (parsed.kind !== "message") break;
    requests.push(parsed.message);
    at = parsed.message.end;
  }
  return requests;
}

/** The request that begins at `at`. */
export function parseRequest(bytes: string, at = 0): Parsed {
  const head = headAt(bytes, at);
  if (typeof head === "string") return fault(head);
  if (head === null) return incomplete;
  if (!requestLine.test(head.start)) return fault(`request line ${JSON.stringify(head.start)}`);
  if (head.start.includes(" * ") && !head.start.startsWith("OPTIONS ")) return fault("`*` without OPTIONS");
  const hosts = valuesOf(head.fields, "host");
  if (hosts.length !== 1) return fault(`${hosts.length} Host fields`);
  if (!hostValue.test(hosts[0] as string)) return fault(`Host ${JSON.stringify(hosts[0])}`);
  const framing = framingOf(head.fields);
  if (framing.why !== undefined) return fault(framing.why);
  return bodyAt(bytes, head, framing.kind ?? "none", framing.length);
}

/**
 * The answer that begins at `at`, to a request with this method; `ended` when no byte will follow. `wider`: as an
 * upstream may send it, who may name a length where none belongs (1xx, 204).
 */
export function parseAnswer(
  bytes: string,
  at: number,
  method: string,
  ended: boolean,
  wider = false,
): Parsed {
  const head = headAt(bytes, at);
  if (typeof head === "string") return fault(head);
  if (head === null) return incomplete;
  if (!statusLine.test(head.start)) return fault(`status line ${JSON.stringify(head.start)}`);
  const status = Number(head.start.slice(9, 12));
  const framing = framingOf(head.fields);
  if (framing.why !== undefined) return fault(framing.why);
  if (!wider && (status < 200 || status === 204) && framing.kind !== undefined)
    return fault(`${status} with a length`);
  if (status < 200 || status === 204 || status === 304 || method === "HEAD")
    return bodyAt(bytes, head, "none", 0);
  if (framing.kind !== undefined) return bodyAt(bytes, head, framing.kind, framing.length);
  if (!ended) return incomplete;
  return message(head, "close", bytes.slice(head.end), [], bytes.length);
}

interface Head {
  readonly start: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly end: number;
}

/** Null: not complete. A string: what is wrong with it. */
function headAt(bytes: string, at: number): Head | null | string {
  const end = bytes.indexOf("\r\n\r\n", at);
  if (end < 0) return null;
  const [start = "", ...lines] = bytes.slice(at, end).split("\r\n");
  const fields = fieldsOf(lines);
  return typeof fields === "string" ? fields : { start, fields, end: end + 4 };
}

function fieldsOf(lines: readonly string[]): readonly (readonly [string, string])[] | string {
  const fields: (readonly [string, string])[] = [];
  for (const line of lines) {
    const [, name, value] = fieldLine.exec(line) ?? [];
    if (name === undefined || value === undefined) return `field line ${JSON.stringify(line.slice(0, 200))}`;
    fields.push([name.toLowerCase(), value]);
  }
  return fields;
}

/** All values of the field with this lower-case name. */
export function valuesOf(fields: readonly (readonly [string, string])[], name: string): string[] {
  return fields.filter(([other]) => other === name).map(([, value]) => value);
}

interface FramingFields {
  readonly kind?: "length" | "chunked";
  readonly length: number;
  readonly why?: string;
}

function framingOf(fields: readonly (readonly [string, string])[], digits = plainNumber): FramingFields {
  const lengths = valuesOf(fields, "content-length");
  const codings = valuesOf(fields, "transfer-encoding");
  if (lengths.length + codings.length > 1)
    return { length: 0, why: `lengths ${lengths}, codings ${codings}` };
  if (codings.length === 1)
    return codings[0]?.toLowerCase() === "chunked"
      ? { kind: "chunked", length: 0 }
      : { length: 0, why: `Transfer-Encoding ${JSON.stringify(codings[0])}` };
  if (lengths.length === 0) return { length: 0 };
  if (!digits.test(lengths[0] as string))
    return { length: 0, why: `Content-Length ${JSON.stringify(lengths[0])}` };
  return { kind: "length", length: Number(lengths[0]) };
}

function bodyAt(bytes: string, head: Head, framing: Framing, length: number, sizeLine = chunkLine): Parsed {
  if (framing === "chunked") return chunksAt(bytes, head, sizeLine);
  if (bytes.length < head.end + length) return incomplete;
  const body = bytes.slice(head.end, head.end + length);
  return message(head, length === 0 ? "none" : framing, body, [], head.end + length);
}

function chunksAt(bytes: string, head: Head, sizeLine: RegExp): Parsed {
  let at = head.end;
  let body = "";
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return incomplete;
    const [, digits] = sizeLine.exec(bytes.slice(at, lineEnd)) ?? [];
    if (digits === undefined)
      return fault(`chunk line ${JSON.stringify(bytes.slice(at, lineEnd).slice(0, 100))}`);
    const size = Number.parseInt(digits, 16);
    if (size === 0) return trailersAt(bytes, head, body, lineEnd + 2);
    at = lineEnd + 2 + size + 2;
    if (bytes.length < at) return incomplete;
    if (bytes.slice(at - 2, at) !== "\r\n") return fault("no CRLF behind a chunk's data");
    body += bytes.slice(lineEnd + 2, at - 2);
  }
}

function trailersAt(bytes: string, head: Head, body: string, at: number): Parsed {
  if (bytes.startsWith("\r\n", at)) return message(head, "chunked", body, [], at + 2);
  const end = bytes.indexOf("\r\n\r\n", at);
  if (end < 0) return incomplete;
  const trailers = fieldsOf(bytes.slice(at, end).split("\r\n"));
  return typeof trailers === "string" ? fault(trailers) : message(head, "chunked", body, trailers, end + 4);
}

function message(
  head: Head,
  framing: Framing,
  body: string,
  trailers: Message["trailers"],
  end: number,
): Parsed {
  return {
    kind: "message",
    message: { start: head.start, fields: head.fields, framing, body, trailers, end },
  };
}

/** All answers in a client's bytes, the interim (1xx) ones apart. */
export interface Answers {
  readonly finals: readonly Message[];
  readonly interims: readonly Message[];
  /** Bytes behind the last complete answer. */
  readonly rest: string;
  readonly fault: string | null;
}

/** `methods[i]` is the method of the request that the i-th final answer belongs to; default GET. */
export function parseAnswers(
  bytes: string,
  methods: readonly string[],
  ended: boolean,
  wider = false,
): Answers {
  const finals: Message[] = [];
  const interims: Message[] = [];
  let at = 0;
  while (at < bytes.length) {
    const parsed = parseAnswer(bytes, at, methods[finals.length] ?? "GET", ended, wider);
    if (parsed.kind === "fault") return { finals, interims, rest: bytes.slice(at), fault: parsed.why };
    if (parsed.kind === "incomplete") break;
    (statusOf(parsed.message) < 200 ? interims : finals).push(parsed.message);
    at = parsed.message.end;
  }
  return { finals, interims, rest: bytes.slice(at), fault: null };
}

export const statusOf = (answer: Message): number => Number(answer.start.slice(9, 12));
