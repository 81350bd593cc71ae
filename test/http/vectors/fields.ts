// Header fields: names, values, folding, and the fields that concern one hop only
// (RFC 9112 §5 and §3.2, RFC 9110 §5, §7.2 and §7.6).
import {
  chunkedPost,
  forwarded,
  get,
  head,
  oneOf,
  post,
  type RequestVector,
  refused,
  seenGet,
  seenPost,
  smuggled,
  vector,
} from "./vector.ts";

/** Characters that are no part of a token, and so of no field name. */
const badNames: readonly (readonly [string, string])[] = [
  ["space", "X A"],
  ["space-end", "X-A "],
  ["tab-end", "X-A\t"],
  ["nul", "X\0A"],
  ["control", "X\x01A"],
  ["delete", "X\x7fA"],
  ["high-byte", "X\xe9A"],
  ["utf-8", "X-T\xc3\xabst"],
  ["parenthesis", "X(A"],
  ["comma", "X,A"],
  ["slash", "X/A"],
  ["semicolon", "X;A"],
  ["less-than", "X<A"],
  ["equals", "X=A"],
  ["question-mark", "X?A"],
  ["at", "X@A"],
  ["bracket", "X[]A"],
  ["backslash", "X\\A"],
  ["brace", "X{A}"],
  ["quote", 'X"A'],
  ["empty", ""],
];

const badNameVectors = badNames.map(([name, text]) =>
  vector(
    `name-${name}`,
    "9110 §5.6.2 MUST",
    "a field name is a token, and its colon follows at once",
    get(`${text}: b`) + smuggled,
    refused(400),
  ),
);

/** Control characters that a value must not hold. */
const badValues: readonly (readonly [string, string])[] = [
  ["nul", "a\0b"],
  ["control-1", "a\x01b"],
  ["bell", "a\x07b"],
  ["backspace", "a\x08b"],
  ["vertical-tab", "a\x0bb"],
  ["form-feed", "a\x0cb"],
  ["escape", "a\x1bb"],
  ["delete", "a\x7fb"],
  ["nul-only", "\0"],
  ["control-last", "a\x1f"],
];

const badValueVectors = badValues.map(([name, text]) =>
  vector(
    `value-${name}`,
    name.startsWith("nul") ? "9110 §5.5 MUST" : "9110 §5.5 ours",
    "a value holds no control character but the tab",
    get(`X-A: ${text}`) + smuggled,
    refused(400),
  ),
);

const shapes: readonly RequestVector[] = [
  vector("fold", "9112 §5.2 ours", "a folded value", get("X-A: b\r\n c") + smuggled, refused(400)),
  vector("fold-tab", "9112 §5.2 ours", "folded by a tab", get("X-A: b\r\n\tc") + smuggled, refused(400)),
  vector("fold-empty", "9112 §5.2 ours", "folded to nothing", get("X-A: b\r\n ") + smuggled, refused(400)),
  vector(
    "fold-host",
    "9112 §5.2 ours",
    "a folded host",
    head("GET /v HTTP/1.1", "Host:", " a.example"),
    refused(400),
  ),
  vector(
    "space-before-first-field",
    "9112 §2.2 MUST",
    "whitespace between the request line and the first field",
    head("GET /v HTTP/1.1", " Host: a.example") + smuggled,
    refused(400),
  ),
  vector(
    "space-line-before-first-field",
    "9112 §2.2 MUST",
    "a line of one space there",
    head("GET /v HTTP/1.1", " ", "Host: a.example") + smuggled,
    refused(400),
  ),
  vector("no-colon", "9112 §5 MUST", "a line without a colon", get("NoColonHere") + smuggled, refused(400)),
  vector("no-colon-value", "9112 §5 MUST", "a name and a value, no colon", get("X-A b"), refused(400)),
  vector(
    "second-request-line",
    "9112 §5 MUST",
    "a request line among the fields",
    get("GET /smuggled HTTP/1.1"),
    refused(400),
  ),
  vector("empty-value", "9110 §5.5 MUST", "an empty value", get("X-A:"), forwarded(seenGet("x-a: "))),
  vector(
    "empty-value-space",
    "9110 §5.5 MUST",
    "a value of whitespace",
    get("X-A: \t "),
    forwarded(seenGet("x-a: ")),
  ),
  vector(
    "value-tab-inside",
    "9110 §5.5 MUST",
    "a tab within a value",
    get("X-A: b\tc"),
    forwarded(seenGet("x-a: b\tc")),
  ),
  vector(
    "value-high-bytes",
    "9110 §5.5 SHOULD",
    "bytes above 127 are opaque",
    get("X-A: \xc3\xa9\xff"),
    forwarded(seenGet("x-a: \xc3\xa9\xff")),
  ),
  vector(
    "value-colons",
    "9110 §5.5 MUST",
    "colons in a value",
    get("X-A: b: c:"),
    forwarded(seenGet("x-a: b: c:")),
  ),
  vector(
    "name-all-token-characters",
    "9110 §5.6.2 MUST",
    "every character of a token but the underscore",
    get("!#$%&'*+-.^`|~09azAZ: b"),
    forwarded(seenGet("!#$%&'*+-.^`|~09azaz: b")),
  ),
  vector(
    "name-underscore",
    "9110 §5.1 ours",
    "an underscore is one policy: the field is dropped, or the request refused",
    get("X_Forwarded_For: 10.0.0.1"),
    oneOf(forwarded(seenGet()), refused(400)),
  ),
  vector(
    "repeated",
    "9110 §5.3 MUST",
    "a field twice: both go on, in their order",
    get("X-A: 1", "X-B: 2", "X-A: 3"),
    oneOf(forwarded(seenGet("x-a: 1", "x-b: 2", "x-a: 3")), forwarded(seenGet("x-a: 1, 3", "x-b: 2"))),
  ),
  vector(
    "cookie-twice",
    "6265 §5.4 MAY",
    "two Cookie fields",
    get("Cookie: a=1", "Cookie: b=2"),
    oneOf(forwarded(seenGet("cookie: a=1", "cookie: b=2")), forwarded(seenGet("cookie: a=1; b=2"))),
  ),
  vector(
    "content-type-twice",
    "9110 §5.3 SHOULD",
    "a singleton twice",
    `${post("Content-Length: 5", "Content-Type: text/plain", "Content-Type: text/html")}hello`,
    oneOf(
      refused(400),
      forwarded(seenPost("hello", "length", "content-type: text/plain", "content-type: text/html")),
    ),
  ),
  vector(
    "percent-crlf",
    "9110 §5.5 MUST",
    "an encoded CRLF is no CRLF",
    get("X-A: a%0d%0aX-B: c"),
    forwarded(seenGet("x-a: a%0d%0aX-B: c")),
  ),
  vector(
    "unicode-crlf",
    "9110 §5.5 MUST",
    "bytes whose low half looks like CR and LF",
    get("X-A: a\xe5\x98\x8a\xe5\x98\x8dX-B: c"),
    forwarded(seenGet("x-a: a\xe5\x98\x8a\xe5\x98\x8dX-B: c")),
  ),
];

const hopByHop: readonly RequestVector[] = [
  vector(
    "hop-keep-alive",
    "9110 §7.6.1 MUST",
    "Keep-Alive and Proxy-Connection stay here",
    get("Connection: keep-alive", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "X-A: b"),
    forwarded(seenGet("x-a: b")),
  ),
  vector(
    "hop-named",
    "9110 §7.6.1 MUST",
    "so do the fields that Connection names",
    get("X-Secret: 1", "Connection: x-secret, X-Other", "X-Other: 2", "X-A: b"),
    forwarded(seenGet("x-a: b")),
  ),
  vector(
    "hop-named-after",
    "9110 §7.6.1 MUST",
    "also those before it, in any case",
    get("x-SECRET: 1", "CONNECTION: X-Secret"),
    forwarded(seenGet()),
  ),
  vector(
    "hop-two-connections",
    "9110 §7.6.1 MUST",
    "two Connection fields are one list",
    get("Connection: X-A", "X-A: 1", "Connection: X-B", "X-B: 2", "X-C: 3"),
    forwarded(seenGet("x-c: 3")),
  ),
  vector(
    "hop-empty-elements",
    "9110 §5.6.1 MUST",
    "empty list elements are ignored",
    get("Connection: , X-A ,, keep-alive,", "X-A: 1", "X-B: 2"),
    forwarded(seenGet("x-b: 2")),
  ),
  vector(
    "hop-te",
    "9110 §10.1.4 MUST",
    "TE concerns one hop",
    get("TE: gzip, trailers", "Connection: TE", "X-A: b"),
    forwarded(seenGet("x-a: b")),
  ),
  vector(
    "hop-close-and-named",
    "9112 §9.6 MUST",
    "close among the names closes",
    get("Connection: X-A, close", "X-A: 1") + smuggled,
    { kind: "forwarded", closes: true, requests: [seenGet()] },
  ),
  vector(
    "hop-close-case",
    "9110 §7.6.1 MUST",
    "connection options are case-insensitive",
    get("Connection: CLOSE") + smuggled,
    { kind: "forwarded", closes: true, requests: [seenGet()] },
  ),
  vector(
    "hop-close-wins",
    "9112 §9.3 MUST",
    "close beside keep-alive",
    get("Connection: keep-alive, close") + smuggled,
    { kind: "forwarded", closes: true, requests: [seenGet()] },
  ),
  vector(
    "hop-peer-header",
    "9110 §7.6 ours",
    "our own header is stripped from clients",
    get("Roundhouse-Peer: 127.0.0.1", "X-A: b"),
    forwarded(seenGet("x-a: b")),
  ),
  vector(
    "hop-peer-header-twice",
    "9110 §7.6 ours",
    "in any case and number",
    get("roundhouse-peer: ::1", "ROUNDHOUSE-PEER: ::1", "X-A: b"),
    forwarded(seenGet("x-a: b")),
  ),
  vector(
    "hop-peer-header-chunked",
    "9110 §7.6 ours",
    "also before a body",
    chunkedPost("5\r\nhello\r\n0\r\n\r\n").replace("\r\n\r\n", "\r\nRoundhouse-Peer: ::1\r\n\r\n"),
    forwarded(seenPost("hello", "chunked")),
  ),
];

export const fields: readonly RequestVector[] = [
  ...badNameVectors,
  ...badValueVectors,
  ...shapes,
  ...hopByHop,
];
