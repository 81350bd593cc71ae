// What a forwarded request may say about where it came from, and what every forwarded request is told. Which field
// is kept, left out or rebuilt is one table lookup by the field's id.
import { field } from "../http/fields.ts";

/** What is added to a forwarded request. Hop-by-hop fields are always removed, and those that Connection names. */
export interface HeaderPolicy {
  /** X-Forwarded-For, -Proto and -Host, rebuilt from the socket unless the peer is trusted. Default: true. */
  readonly xForwarded: boolean;
  /** Forwarded (RFC 7239). Default: false; a client's own is removed unless the peer is trusted. */
  readonly forwarded: boolean;
  /** Via in requests, which RFC 9110 section 7.6.3 demands of a gateway. Default: true. */
  readonly via: boolean;
  /** X-Request-Id: a sane one is kept, else one is made. Default: true. */
  readonly requestId: boolean;
  /**
   * W3C Trace Context. `pass` (default): traceparent and tracestate go through untouched, malformed ones too, as for
   * any proxy that takes no part. `start`: a request whose traceparent is missing or malformed gets a new one (and
   * loses its tracestate); others go through untouched, since we record no span that could be anybody's parent.
   * `join`: we take part; every forwarded request names a span of ours as its parent, which the access log records.
   */
  readonly traceparent: "pass" | "start" | "join";
  /**
   * Names with `_`, which CGI-like servers cannot tell from `-` (so that `X_Forwarded_For` would pass for our own
   * field): left out (default), refused with 400, or forwarded.
   */
  readonly underscoreNames: "drop" | "refuse" | "forward";
}

export const defaultHeaderPolicy: HeaderPolicy = {
  xForwarded: true,
  forwarded: false,
  via: true,
  requestId: true,
  traceparent: "pass",
  underscoreNames: "drop",
};

/** 1: a field with this id is left out (and perhaps written anew). */
export type LeftOut = Uint8Array;

/** Fields of one hop (RFC 9110 section 7.6.1) and the framing that the forwarder writes itself. */
const hopByHop = [
  field.nominated,
  field.connection,
  field.keepAlive,
  field.proxyConnection,
  field.te,
  field.transferEncoding,
  field.upgrade,
  field.http2Settings,
];

const trustFields = [
  field.xForwardedOther,
  field.xForwardedFor,
  field.xForwardedProto,
  field.xForwardedHost,
  field.forwarded,
];

function leftOut(...ids: number[]): LeftOut {
  const table = new Uint8Array(64);
  for (const id of ids) table[id] = 1;
  return table;
}

/** For answers: hop-by-hop fields only. */
export const leftOutOfAnswers: LeftOut = leftOut(...hopByHop);

export interface RequestTables {
  /** From an untrusted peer to a replica: what it says about other hops is not believed. */
  readonly untrusted: LeftOut;
  /** From a trusted peer: X-Forwarded-For is extended, the rest stays. */
  readonly trusted: LeftOut;
  /** To our own control API, which refuses requests that have come through another proxy. */
  readonly control: LeftOut;
}

export function requestTables(policy: HeaderPolicy): RequestTables {
  const always: number[] = [...hopByHop, field.ours, field.proxyAuthorization];
  if (policy.underscoreNames === "drop") always.push(field.underscore);
  const traces = policy.traceparent === "pass" ? [] : [field.traceparent, field.tracestate]; // written anew
  return {
    untrusted: leftOut(...always, ...traces, ...trustFields),
    trusted: leftOut(...always, ...traces, ...(policy.xForwarded ? [field.xForwardedFor] : [])),
    control: leftOut(...always),
  };
}

const processPart = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
  byte.toString(16).padStart(2, "0"),
).join("");
/** The last two digits of a name, base 36, with the line's end. */
const lastDigits = Array.from({ length: 36 * 36 }, (_, n) => `${n.toString(36).padStart(2, "0")}\r\n`);
let namedBefore = 0;
let lineBegin = "";
let named = lastDigits.length;

/**
 * X-Request-Id with a name that is random for this process and counted within it: unique, and it says nothing about
 * the client. Of the line only the last two digits are made anew for each request.
 */
export function requestIdLine(): string {
  if (named === lastDigits.length) {
    lineBegin = `X-Request-Id: ${processPart}-${(namedBefore++).toString(36)}`;
    named = 0;
  }
  return lineBegin + lastDigits[named++];
}

/** Letters, digits, `.`, `_`, `-`, up to 128: anything else from a client is replaced, as logs are its readers. */
export function isSaneRequestId(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,128}$/.test(text);
}
