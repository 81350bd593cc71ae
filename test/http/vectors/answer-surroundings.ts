// What comes around an answer: interim answers before it, bytes behind it, and how the connection ends
// (RFC 9110 §15.2, RFC 9112 §8 and §9).
import { type AnswerVector, answerVector, badGateway, cutOff, ok, oneOf, passed } from "./answer-vector.ts";

const hello = "5\r\nhello\r\n0\r\n\r\n";
const chunked = (body: string, ...fields: string[]): string =>
  ok(body, "Transfer-Encoding: chunked", ...fields);
const second = ok("no", "Content-Length: 2");
const none = (status: string, ...fields: string[]): string =>
  `${[`HTTP/1.1 ${status}`, ...fields].join("\r\n")}\r\n\r\n`;

const interim = (code: number, ...lines: string[]): string =>
  `${[`HTTP/1.1 ${code} X`, ...lines].join("\r\n")}\r\n\r\n`;
const final = ok("ok", "Content-Length: 2");

const interims: readonly AnswerVector[] = [
  answerVector(
    "interim-103",
    "9110 §15.2 MUST",
    "early hints go on",
    `${interim(103, "Link: </a>; rel=preload")}${final}`,
    passed("ok", { interims: [103] }),
  ),
  answerVector(
    "interim-102",
    "9110 §15.2 MUST",
    "so does 102",
    `${interim(102)}${final}`,
    passed("ok", { interims: [102] }),
  ),
  answerVector(
    "interim-several",
    "9110 §15.2 MUST",
    "several of them",
    `${interim(103)}${interim(103)}${interim(199)}${final}`,
    passed("ok", { interims: [103, 103, 199] }),
  ),
  answerVector(
    "interim-100",
    "9110 §15.2 MAY",
    "100 that nobody asked for",
    `${interim(100)}${final}`,
    oneOf(passed("ok", { interims: [100] }), passed("ok")),
  ),
  answerVector(
    "interim-1.0",
    "9110 §15.2 MUST",
    "an HTTP/1.0 client gets none",
    `${interim(103)}${final}`,
    passed("ok", { reused: "either" }),
    "open",
    "GET/1.0",
  ),
  answerVector(
    "interim-101",
    "9110 §15.2.2 MUST",
    "a switch that nobody asked for",
    interim(101, "Connection: Upgrade", "Upgrade: websocket"),
    badGateway,
  ),
  answerVector("interim-101-bare", "9110 §15.2.2 MUST", "one without Upgrade", interim(101), badGateway),
  answerVector(
    "interim-length",
    "9110 §8.6 MUST",
    "1xx with a length has no body all the same",
    `${interim(103, "Content-Length: 5")}${final}`,
    oneOf(passed("ok", { interims: [103] }), passed("ok"), badGateway),
  ),
  answerVector(
    "interim-chunked",
    "9112 §6.1 MUST",
    "1xx with Transfer-Encoding",
    `${interim(103, "Transfer-Encoding: chunked")}${final}`,
    oneOf(passed("ok", { interims: [103] }), passed("ok"), badGateway),
  ),
  answerVector(
    "interim-then-close",
    "9110 §15.2 MUST",
    "no final answer behind it",
    interim(103),
    badGateway,
    "fin",
  ),
  answerVector(
    "interim-then-garbage",
    "9112 §4 ours",
    "garbage behind it",
    `${interim(103)}hello\r\n\r\n`,
    badGateway,
  ),
  answerVector(
    "interim-bad-field",
    "9112 §5 ours",
    "a malformed field in it",
    `${interim(103, "X A: b")}${final}`,
    badGateway,
  ),
  answerVector(
    "interim-flood",
    "9110 §15.2 ours",
    "five thousand: bounded, or passed",
    `${interim(103, "X-A: b").repeat(5_000)}${final}`,
    oneOf(badGateway, passed("ok", { interims: Array<number>(5_000).fill(103) })),
  ),
];

const ends: readonly AnswerVector[] = [
  answerVector("end-nothing", "9112 §9.5 MUST", "closed without a byte", "", badGateway, "fin"),
  answerVector("end-reset", "9112 §9.5 MUST", "reset without a byte", "", badGateway, "reset"),
  answerVector(
    "end-in-status",
    "9112 §8 MUST",
    "closed within the status line",
    "HTTP/1.1 2",
    badGateway,
    "fin",
  ),
  answerVector(
    "end-in-head",
    "9112 §8 MUST",
    "closed within the head",
    "HTTP/1.1 200 OK\r\nContent-Le",
    badGateway,
    "fin",
  ),
  answerVector(
    "end-before-blank",
    "9112 §8 MUST",
    "closed before the empty line",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    badGateway,
    "fin",
  ),
  answerVector(
    "end-in-body",
    "9112 §8 MUST",
    "closed within a short body",
    ok("o", "Content-Length: 2"),
    cutOff,
    "fin",
  ),
  answerVector(
    "end-in-body-reset",
    "9112 §8 MUST",
    "reset within a short body",
    ok("o", "Content-Length: 2"),
    cutOff,
    "reset",
  ),
  answerVector(
    "end-in-long-body",
    "9112 §8 MUST",
    "closed within a long body",
    ok("x".repeat(100_000), "Content-Length: 200000"),
    cutOff,
    "fin",
  ),
  answerVector(
    "end-in-long-body-reset",
    "9112 §8 MUST",
    "reset within a long body",
    ok("x".repeat(100_000), "Content-Length: 200000"),
    cutOff,
    "reset",
  ),
  answerVector(
    "end-after-answer",
    "9112 §9.6 MUST",
    "closed right behind a complete answer",
    final,
    passed("ok", { reused: false }),
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

export const answerSurroundings: readonly AnswerVector[] = [...interims, ...ends, ...extra];
