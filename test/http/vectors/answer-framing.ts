// How long an answer is (RFC 9112 §6.3 and §7.1, RFC 9110 §6.4.1): the desync of the other direction. What is
// ambiguous becomes a 502; what turns out to be wrong after its head went on is cut off where the client can see it.
import {
  type AnswerExpectation,
  type AnswerVector,
  answerVector,
  badGateway,
  cutOff,
  ok,
  oneOf,
  passed,
} from "./answer-vector.ts";

const hello = "5\r\nhello\r\n0\r\n\r\n";
const chunked = (body: string, ...fields: string[]): string =>
  ok(body, "Transfer-Encoding: chunked", ...fields);
const second = ok("no", "Content-Length: 2");

const bad = (name: string, why: string, ...fields: string[]): AnswerVector =>
  answerVector(`answer-${name}`, "9112 §6.3 MUST", why, ok(hello, ...fields), badGateway);

const ambiguous: readonly AnswerVector[] = [
  bad("cl-te", "both lengths", "Content-Length: 5", "Transfer-Encoding: chunked"),
  bad("te-cl", "the other way round", "Transfer-Encoding: chunked", "Content-Length: 15"),
  bad("cl-twice-different", "two lengths", "Content-Length: 5", "Content-Length: 6"),
  bad("cl-list-different", "a list of lengths", "Content-Length: 5, 6"),
  bad("cl-empty", "an empty length", "Content-Length:"),
  bad("cl-plus", "a signed length", "Content-Length: +5"),
  bad("cl-minus", "a negative length", "Content-Length: -5"),
  bad("cl-hex", "a hexadecimal length", "Content-Length: 0x5"),
  bad("cl-words", "a length in words", "Content-Length: five"),
  bad("cl-space", "a length in two parts", "Content-Length: 1 5"),
  bad("cl-overflow", "a length beyond 2^64", "Content-Length: 18446744073709551621"),
  bad("cl-200-digits", "a length of 200 digits", `Content-Length: ${"5".repeat(200)}`),
  bad("te-gzip", "a coding that is not ours", "Transfer-Encoding: gzip"),
  bad("te-gzip-chunked", "a coding below chunked", "Transfer-Encoding: gzip, chunked"),
  bad("te-chunked-gzip", "a coding above chunked", "Transfer-Encoding: chunked, gzip"),
  bad("te-chunked-chunked", "chunked twice", "Transfer-Encoding: chunked, chunked"),
  bad("te-twice", "two fields", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
  bad("te-identity", "identity", "Transfer-Encoding: identity"),
  bad("te-xchunked", "nearly chunked", "Transfer-Encoding: xchunked"),
  bad("te-empty", "an empty coding", "Transfer-Encoding:"),
  bad("te-quoted", "a quoted coding", 'Transfer-Encoding: "chunked"'),
  bad("te-vertical-tab", "a vertical tab", "Transfer-Encoding: \x0bchunked"),
  bad("te-space-before-colon", "a space before the colon", "Transfer-Encoding : chunked"),
  bad("te-folded", "a folded coding", "Transfer-Encoding:", " chunked"),
  bad("te-behind-cr", "hidden behind a bare CR", "X-A: b\rTransfer-Encoding: chunked"),
  answerVector(
    "answer-cl-twice-same",
    "9112 §6.3 MUST",
    "two equal lengths: refused, or made one",
    ok("hello", "Content-Length: 5", "Content-Length: 5"),
    oneOf(badGateway, passed("hello", { reused: "either" })),
  ),
  answerVector(
    "answer-te-1.0",
    "9112 §6.1 MUST",
    "chunked in HTTP/1.0",
    `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${hello}`,
    badGateway,
    "fin",
  ),
];

const badChunks: readonly (readonly [string, string, string])[] = [
  ["size-word", "a size that is a word", `x\r\nhello\r\n0\r\n\r\n`],
  ["size-empty", "an empty size", `\r\nhello\r\n0\r\n\r\n`],
  ["size-minus", "a negative size", `-5\r\nhello\r\n0\r\n\r\n`],
  ["size-hex-prefix", "0x", `0x5\r\nhello\r\n0\r\n\r\n`],
  ["size-space", "a space before a size", ` 5\r\nhello\r\n0\r\n\r\n`],
  ["size-overflow", "a size beyond 2^64", `10000000000000005\r\nhello\r\n0\r\n\r\n`],
  ["size-lf", "a bare LF behind a size", `5\nhello\r\n0\r\n\r\n`],
  ["data-lf", "a bare LF behind the data", `5\r\nhello\n0\r\n\r\n`],
  ["data-long", "more data than said", `3\r\nhello\r\n0\r\n\r\n`],
  ["data-short", "less data than said", `7\r\nhello\r\n0\r\n\r\n`],
  ["ext-lf", "a bare LF in an extension", `5;a\nb\r\nhello\r\n0\r\n\r\n`],
  ["end-lf", "a bare LF at the end", `5\r\nhello\r\n0\r\n\n`],
  ["end-cr", "a bare CR at the end", `5\r\nhello\r\n0\r\n\r\r\n`],
  ["trailer-no-colon", "a trailer without a colon", `5\r\nhello\r\n0\r\nX-T\r\n\r\n`],
  ["trailer-nul", "a NUL in a trailer", `5\r\nhello\r\n0\r\nX-T: a\0\r\n\r\n`],
  ["trailer-huge", "trailers of 100 KB", `5\r\nhello\r\n0\r\nX-T: ${"b".repeat(100_000)}\r\n\r\n`],
];

const badChunkVectors = badChunks.map(([name, why, body]) =>
  answerVector(`answer-chunk-${name}`, "9112 §7.1 MUST", why, chunked(body) + second, cutOff),
);

const short: readonly AnswerVector[] = [
  answerVector(
    "answer-chunk-fin-in-size",
    "9112 §8 MUST",
    "closed in a size line",
    chunked("5"),
    cutOff,
    "fin",
  ),
  answerVector(
    "answer-chunk-fin-in-data",
    "9112 §8 MUST",
    "closed in a chunk",
    chunked("5\r\nhel"),
    cutOff,
    "fin",
  ),
  answerVector(
    "answer-chunk-fin-no-last",
    "9112 §8 MUST",
    "closed without a last chunk",
    chunked("5\r\nhello\r\n"),
    cutOff,
    "fin",
  ),
  answerVector(
    "answer-chunk-fin-in-end",
    "9112 §8 MUST",
    "closed within the last CRLF",
    chunked("5\r\nhello\r\n0\r\n\r"),
    cutOff,
    "fin",
  ),
  answerVector(
    "answer-chunk-reset",
    "9112 §8 MUST",
    "reset in a chunk",
    chunked("5\r\nhel"),
    cutOff,
    "reset",
  ),
  answerVector(
    "answer-close-reset",
    "9112 §8 MUST",
    "a close-delimited body that is reset is not complete",
    ok("hello"),
    cutOff,
    "reset",
  ),
];

const none = (status: string, ...fields: string[]): string =>
  `${[`HTTP/1.1 ${status}`, ...fields].join("\r\n")}\r\n\r\n`;
/** A body where none may be: the answer passes without it, or not at all; its connection is not used again. */
const without = (status: number, ...fields: string[]): AnswerExpectation =>
  oneOf(passed("", { status, fields, reused: false }), badGateway);

const bodiless: readonly AnswerVector[] = [
  answerVector("answer-204", "9110 §15.3.5 MUST", "204", none("204 No Content"), passed("", { status: 204 })),
  answerVector(
    "answer-204-cl-0",
    "9110 §8.6 MUST",
    "204 with a length of 0: the field does not go on",
    none("204 No Content", "Content-Length: 0"),
    oneOf(passed("", { status: 204, reused: "either" }), badGateway),
  ),
  answerVector(
    "answer-204-cl-5",
    "9110 §8.6 MUST",
    "204 with a length and a body",
    `${none("204 No Content", "Content-Length: 5")}hello`,
    without(204),
  ),
  answerVector(
    "answer-204-chunked",
    "9112 §6.1 MUST",
    "204 with Transfer-Encoding",
    `${none("204 No Content", "Transfer-Encoding: chunked")}0\r\n\r\n`,
    without(204),
  ),
  answerVector(
    "answer-304",
    "9110 §15.4.5 MUST",
    "304 tells a length and has no body",
    none("304 Not Modified", "Content-Length: 5", "ETag: x"),
    passed("", { status: 304, fields: ["etag: x"] }),
  ),
  answerVector(
    "answer-304-body",
    "9110 §15.4.5 MUST",
    "304 with a body",
    `${none("304 Not Modified", "Content-Length: 5")}hello`,
    without(304),
  ),
  answerVector(
    "answer-head",
    "9110 §9.3.2 MUST",
    "HEAD tells a length and has no body",
    ok("", "Content-Length: 5"),
    passed(""),
    "open",
    "HEAD",
  ),
  answerVector(
    "answer-head-chunked",
    "9110 §9.3.2 MUST",
    "HEAD with Transfer-Encoding",
    ok("", "Transfer-Encoding: chunked"),
    passed(""),
    "open",
    "HEAD",
  ),
  answerVector(
    "answer-head-none",
    "9110 §9.3.2 MUST",
    "HEAD without a length is complete",
    ok(""),
    passed("", { reused: "either" }),
    "open",
    "HEAD",
  ),
  answerVector(
    "answer-head-body",
    "9110 §9.3.2 MUST",
    "HEAD with a body",
    ok("hello", "Content-Length: 5"),
    without(200),
    "open",
    "HEAD",
  ),
  answerVector("answer-cl-0", "9112 §6.3 MUST", "an empty body", ok("", "Content-Length: 0"), passed("")),
  answerVector(
    "answer-205",
    "9110 §15.3.6 MUST",
    "205 with a length of 0",
    none("205 Reset Content", "Content-Length: 0"),
    passed("", { status: 205 }),
  ),
];

const right: readonly AnswerVector[] = [
  answerVector("answer-cl", "9112 §6.2 MUST", "a length", ok("hello", "Content-Length: 5"), passed("hello")),
  answerVector("answer-chunked", "9112 §7.1 MUST", "chunked", chunked(hello), passed("hello")),
  answerVector(
    "answer-chunked-case",
    "9112 §7 MUST",
    "in any case",
    ok(hello, "transfer-encoding: Chunked"),
    passed("hello"),
  ),
  answerVector(
    "answer-chunked-ext",
    "9112 §7.1.1 MUST",
    "extensions are ignored",
    chunked(`5;a="b;c"\r\nhello\r\n0;d\r\n\r\n`),
    passed("hello"),
  ),
  answerVector(
    "answer-chunked-trailers",
    "9112 §7.1.2 MUST",
    "trailers go on",
    chunked("5\r\nhello\r\n0\r\nX-T: a\r\nX-U: b\r\n\r\n", "Trailer: X-T"),
    passed("hello", { trailers: ["x-t: a", "x-u: b"] }),
  ),
  answerVector(
    "answer-chunked-trailer-length",
    "9110 §6.5.1 MUST",
    "a length is no trailer",
    chunked("5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n"),
    oneOf(passed("hello"), cutOff),
  ),
  answerVector(
    "answer-chunked-1.0-client",
    "9112 §7.1 MUST",
    "an HTTP/1.0 client gets no chunks",
    chunked(hello),
    passed("hello", { reused: "either" }),
    "open",
    "GET/1.0",
  ),
  answerVector(
    "answer-close",
    "9112 §6.3 MUST",
    "until the connection closes",
    ok("hello"),
    passed("hello", { reused: false }),
    "fin",
  ),
  answerVector(
    "answer-close-1.0",
    "9112 §6.3 MUST",
    "HTTP/1.0 likewise",
    "HTTP/1.0 200 OK\r\n\r\nhello",
    passed("hello", { reused: false }),
    "fin",
  ),
  answerVector(
    "answer-close-1.0-client",
    "9112 §6.3 MUST",
    "for an HTTP/1.0 client",
    ok("hello"),
    passed("hello", { reused: false }),
    "fin",
    "GET/1.0",
  ),
  answerVector(
    "answer-close-empty",
    "9112 §6.3 MUST",
    "of no bytes",
    ok(""),
    passed("", { reused: false }),
    "fin",
  ),
  answerVector(
    "answer-close-looks-like-answer",
    "9112 §6.3 MUST",
    "a body that looks like an answer",
    ok(second),
    passed(second, { reused: false }),
    "fin",
  ),
];

const extra: readonly AnswerVector[] = [
  answerVector(
    "answer-extra-answer",
    "9112 §9.3 MUST",
    "a second answer behind the first belongs to nobody",
    ok("ok", "Content-Length: 2") + second,
    passed("ok", { reused: false }),
  ),
  answerVector(
    "answer-extra-byte",
    "9112 §9.3 MUST",
    "one byte too many",
    ok("ok!", "Content-Length: 2"),
    passed("ok", { reused: false }),
  ),
  answerVector(
    "answer-extra-crlf",
    "9112 §9.3 MUST",
    "even an empty line",
    ok("ok\r\n", "Content-Length: 2"),
    passed("ok", { reused: false }),
  ),
  answerVector(
    "answer-extra-chunked",
    "9112 §9.3 MUST",
    "a second answer behind a chunked one",
    chunked(hello) + second,
    passed("hello", { reused: false }),
  ),
  answerVector(
    "answer-extra-304",
    "9112 §9.3 MUST",
    "a second answer behind a 304",
    none("304 Not Modified") + second,
    passed("", { status: 304, reused: false }),
  ),
  answerVector(
    "answer-extra-head",
    "9112 §9.3 MUST",
    "a second answer behind one to HEAD",
    ok("", "Content-Length: 5") + second,
    passed("", { reused: false }),
    "open",
    "HEAD",
  ),
];

export const answerFraming: readonly AnswerVector[] = [
  ...ambiguous,
  ...badChunkVectors,
  ...short,
  ...bodiless,
  ...right,
  ...extra,
];
