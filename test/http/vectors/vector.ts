// What a vector is: bytes for one side of the front door, and what the other side may see. Only data and the few
// words that keep the data readable; running a vector is the business of request-vectors.test.ts and its like.

/** How strongly the RFC asks. `ours`: the RFC leaves freedom, and our checklist takes the strict reading. */
export type Level = "MUST" | "SHOULD" | "MAY" | "ours";

/** How a message's body was delimited. A length of 0 and no length at all both count as `none`. */
export type Framing = "none" | "length" | "chunked" | "close";

/** A request as it must have reached the upstream: names in lower case, without the fields a proxy adds. */
export interface SeenRequest {
  /** `POST /path HTTP/1.1` */
  readonly line: string;
  readonly host: string;
  /** `name: value`, in order, without Host and without the framing fields. */
  readonly fields: readonly string[];
  readonly body: string;
  readonly framing: Framing;
  readonly trailers: readonly string[];
}

export type Expectation =
  /** The `after` requests are answered by the upstream, then one answer of our own with one of these codes, then
   *  the end of the connection. Not a byte of the refused request reaches the upstream. */
  | { readonly kind: "refused"; readonly status: readonly number[]; readonly after: readonly SeenRequest[] }
  /** As `refused`, but wrong only in its body: a part may have gone on. The upstream never sees a complete request, and its
   *  connection ends. The client gets one of these codes, or the connection ends without an answer. */
  | { readonly kind: "cut"; readonly status: readonly number[]; readonly after: readonly SeenRequest[] }
  /** All of them reach the upstream, in this order, and nothing else does. */
  | { readonly kind: "forwarded"; readonly requests: readonly SeenRequest[]; readonly closes: boolean }
  /** We answer ourselves with one of these codes; nothing reaches the upstream. The connection may stay. */
  | { readonly kind: "answered"; readonly status: readonly number[] }
  /** Nothing reaches the upstream, no answer is needed; the connection ends. */
  | { readonly kind: "closed" }
  /** The RFC leaves a choice, and each of these is safe. */
  | { readonly kind: "oneOf"; readonly choices: readonly Expectation[] };

export interface RequestVector {
  readonly id: string;
  /** For example `9112 §6.3`; CVE numbers and names of suites go into `why`. */
  readonly rfc: string;
  readonly level: Level;
  readonly why: string;
  /** The client's bytes, one character a byte (latin1). */
  readonly send: string;
  /** The client closes its sending side after these bytes. */
  readonly fin: boolean;
  readonly expect: Expectation;
}

/** `rule` is the section and the level in one: `9112 §6.3 MUST`. */
export function vector(
  id: string,
  rule: string,
  why: string,
  send: string,
  expect: Expectation,
  finish: "fin" | "open" = "open",
): RequestVector {
  const [, rfc, level] = /^(.+) (MUST|SHOULD|MAY|ours)$/.exec(rule) ?? [];
  if (rfc === undefined)
    throw new TypeError(`Vector "${id}" has the rule "${rule}"; expected "9112 §6.3 MUST"`);
  return { id, rfc, level: level as Level, why, send, fin: finish === "fin", expect };
}

/** Lines joined by CRLF, and the empty line that ends a head. */
export const head = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`;
/** A GET of `/v` at host `a.example` with more field lines. */
export const get = (...fields: string[]): string => head("GET /v HTTP/1.1", "Host: a.example", ...fields);
/** A POST of `/v` at host `a.example` with more field lines; the body is appended by the caller. */
export const post = (...fields: string[]): string => head("POST /v HTTP/1.1", "Host: a.example", ...fields);
/** A chunked POST with these bytes after its head. */
export const chunkedPost = (body: string): string => `${post("Transfer-Encoding: chunked")}${body}`;
/** A request that must never be seen by an upstream: the prize of a smuggler. */
export const smuggled: string = head("GET /smuggled HTTP/1.1", "Host: a.example");

export const refused = (...status: number[]): Expectation => ({ kind: "refused", status, after: [] });
export const refusedAfter = (after: readonly SeenRequest[], ...status: number[]): Expectation => ({
  kind: "refused",
  status,
  after,
});
export const cut = (...status: number[]): Expectation => cutAfter([], ...status);
export const cutAfter = (after: readonly SeenRequest[], ...status: number[]): Expectation => ({
  kind: "cut",
  status,
  after,
});
export const answered = (...status: number[]): Expectation => ({ kind: "answered", status });
export const closed: Expectation = { kind: "closed" };
export const oneOf = (...choices: Expectation[]): Expectation => ({ kind: "oneOf", choices });
export const forwarded = (...requests: SeenRequest[]): Expectation => ({
  kind: "forwarded",
  requests,
  closes: false,
});
export const forwardedThenClosed = (...requests: SeenRequest[]): Expectation => ({
  kind: "forwarded",
  requests,
  closes: true,
});

/** A request without a body as the upstream sees it. */
export function seen(line: string, options: Partial<Omit<SeenRequest, "line">> = {}): SeenRequest {
  return { line, host: "a.example", fields: [], body: "", framing: "none", trailers: [], ...options };
}
export const seenGet = (...fields: string[]): SeenRequest => seen("GET /v HTTP/1.1", { fields });
export const seenPost = (body: string, framing: Framing, ...fields: string[]): SeenRequest =>
  seen("POST /v HTTP/1.1", { body, framing, fields });
