// Two ways to read one message: both lengths at once, lengths that disagree, and lengths that are no number
// (RFC 9112 §6.2 and §6.3, RFC 9110 §8.6). All of it is refused before a byte goes on.
import {
  forwarded,
  get,
  oneOf,
  post,
  type RequestVector,
  refused,
  seenGet,
  seenPost,
  smuggled,
  vector,
} from "./vector.ts";

const chunkedHello = "5\r\nhello\r\n0\r\n\r\n";

const pairs: readonly RequestVector[] = [
  vector(
    "cl-te",
    "9112 §6.3 ours",
    "both lengths, the front trusting CL",
    `${post("Content-Length: 6", "Transfer-Encoding: chunked")}0\r\n\r\nG`,
    refused(400),
  ),
  vector(
    "te-cl",
    "9112 §6.3 ours",
    "both lengths, the front trusting TE",
    `${post("Transfer-Encoding: chunked", "Content-Length: 4")}5c\r\n${smuggled}\r\n0\r\n\r\n`,
    refused(400),
  ),
  vector(
    "cl-te-agree",
    "9112 §6.3 ours",
    "both lengths, the chunked one complete",
    `${post("Content-Length: 15", "Transfer-Encoding: chunked")}${chunkedHello}`,
    refused(400),
  ),
  vector(
    "cl-te-pipelined",
    "9112 §6.3 ours",
    "both lengths with a request behind them",
    `${post("Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n${smuggled}`,
    refused(400),
  ),
  vector(
    "cl0-te",
    "9112 §6.3 ours",
    "a zero length beside chunked",
    `${post("Content-Length: 0", "Transfer-Encoding: chunked")}${chunkedHello}`,
    refused(400),
  ),
  vector(
    "cl-te-on-get",
    "9112 §6.3 ours",
    "both lengths on a GET",
    `${get("Transfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n`,
    refused(400),
  ),
  vector(
    "cl-te-identity",
    "9112 §6.1 ours",
    "the withdrawn coding identity beside a length",
    `${post("Content-Length: 5", "Transfer-Encoding: identity")}hello`,
    refused(400, 501),
  ),
  vector(
    "cl-twice-different",
    "9112 §6.3 MUST",
    "two lengths that differ",
    `${post("Content-Length: 5", "Content-Length: 10")}helloworld`,
    refused(400),
  ),
  vector(
    "cl-twice-different-reversed",
    "9112 §6.3 MUST",
    "the longer first",
    `${post("Content-Length: 10", "Content-Length: 5")}helloworld`,
    refused(400),
  ),
  vector(
    "cl-twice-same",
    "9110 §8.6 ours",
    "two equal lengths: refusing is allowed, and FIELD 2 asks for it",
    `${post("Content-Length: 5", "Content-Length: 5")}hello`,
    refused(400),
  ),
  vector(
    "cl-twice-apart",
    "9112 §6.3 MUST",
    "two lengths, other fields between, another case",
    `${post("Content-Length: 5", "X-A: b", "content-length: 6")}hello!`,
    refused(400),
  ),
  vector(
    "cl-list-same",
    "9110 §8.6 ours",
    "a list of equal lengths",
    `${post("Content-Length: 5, 5")}hello`,
    refused(400),
  ),
  vector(
    "cl-list-different",
    "9112 §6.3 MUST",
    "a list of lengths that differ",
    `${post("Content-Length: 5, 6")}hello!`,
    refused(400),
  ),
  vector(
    "cl-zero-and-five",
    "9112 §6.3 MUST",
    "a zero first (CL.0)",
    `${post("Content-Length: 0", "Content-Length: 5")}hello`,
    refused(400),
  ),
  vector(
    "cl-named-by-connection",
    "9110 §7.6.1 MUST",
    "Connection must not make the length disappear (CL.0, CVE-2022-31813)",
    `${post("Connection: content-length", "Content-Length: 5")}hello`,
    oneOf(refused(400), forwarded(seenPost("hello", "length"))),
  ),
  vector(
    "te-named-by-connection",
    "9112 §6.1 MUST",
    "Connection must not make the framing disappear",
    `${post("Connection: transfer-encoding", "Transfer-Encoding: chunked")}${chunkedHello}`,
    oneOf(refused(400), forwarded(seenPost("hello", "chunked"))),
  ),
  vector(
    "host-named-by-connection",
    "9110 §7.6.1 ours",
    "Connection must not make the host disappear",
    get("Connection: host"),
    oneOf(refused(400), forwarded(seenGet())),
  ),
];

/** Content-Length values that are no `1*DIGIT`: each is refused. */
const badLengths: readonly (readonly [string, string])[] = [
  ["empty", ""],
  ["space-only", "   "],
  ["plus", "+5"],
  ["minus", "-5"],
  ["minus-zero", "-0"],
  ["hex", "0x5"],
  ["hex-letters", "5h"],
  ["octal", "0o5"],
  ["exponent", "5e0"],
  ["decimal-point", "5.0"],
  ["underscore", "1_0"],
  ["inner-space", "1 0"],
  ["inner-tab", "1\t0"],
  ["comma-end", "5,"],
  ["comma-start", ",5"],
  ["semicolon", "5;"],
  ["quoted", '"5"'],
  ["word", "five"],
  ["nul", "5\0"],
  ["vertical-tab", "\x0b5"],
  ["form-feed", "5\x0c"],
  ["no-break-space", "\xa05"],
  ["fullwidth-digit", "\xef\xbc\x95"],
  ["superscript", "\xb2"],
  ["2-to-the-53", "9007199254740993"],
  ["2-to-the-63", "9223372036854775808"],
  ["2-to-the-64-plus-5", "18446744073709551621"],
  ["200-digits", "5".repeat(200)],
  ["bare-cr-before", "\r5"],
  ["bare-cr-after", "5\r"],
];

const badLengthVectors = badLengths.map(([name, value]) =>
  vector(
    `cl-${name}`,
    "9110 §8.6 MUST",
    "a length that is no string of digits, or more than can be counted exactly",
    `${post(`Content-Length: ${value}`)}hello${smuggled}`,
    refused(400),
  ),
);

export const lengths: readonly RequestVector[] = [...pairs, ...badLengthVectors];
