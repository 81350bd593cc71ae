// The chunked coding: sizes, extensions, terminators, the last chunk and trailers (RFC 9112 §7.1).
// A fault inside a body may come after the head has gone on, so `cut` and not `refused` is asked: the upstream
// must never see a complete request, and nothing of what follows the fault.
import {
  chunkedPost,
  cut,
  type Expectation,
  forwarded,
  get,
  oneOf,
  post,
  type RequestVector,
  seen,
  seenGet,
  seenPost,
  smuggled,
  vector,
} from "./vector.ts";

const end = "0\r\n\r\n";
const hello: Expectation = forwarded(seenPost("hello", "chunked"));

/** A chunk-size line and what is wrong with it; the five bytes `hello` follow. */
const badSizes: readonly (readonly [string, string])[] = [
  ["empty", ""],
  ["letter-g", "g"],
  ["plus", "+5"],
  ["minus", "-5"],
  ["hex-prefix", "0x5"],
  ["hex-prefix-upper", "0X5"],
  ["leading-space", " 5"],
  ["leading-tab", "\t5"],
  ["trailing-space", "5 "],
  ["trailing-tab", "5\t"],
  ["trailing-h", "5h"],
  ["underscore", "0_5"],
  ["inner-space", "0 5"],
  ["decimal-point", "5.0"],
  ["comma", "5,5"],
  ["nul-before", "\x005"],
  ["nul-after", "5\0"],
  ["vertical-tab", "\x0b5"],
  ["fullwidth-digit", "\xef\xbc\x95"],
  ["minus-hex-prefix", "-0x5"],
  ["2-to-the-53-and-5", "20000000000005"],
  ["16-f", "f".repeat(16)],
  ["17-digits", "00000000000000005"],
  ["2-to-the-64-and-5", "10000000000000005"],
  ["32-f", "f".repeat(32)],
  ["bare-cr", "5\r"],
  ["bare-cr-before", "\r5"],
  ["quoted", '"5"'],
];

const badSizeVectors = badSizes.map(([name, line]) =>
  vector(
    `chunk-size-${name}`,
    "9112 §7.1 MUST",
    "chunk-size is 1*HEXDIG and small enough to be counted exactly",
    chunkedPost(`${line}\r\nhello\r\n${end}${smuggled}`),
    cut(400),
  ),
);

/** A chunk-size line with an extension that the grammar does not allow. */
const badExtensions: readonly (readonly [string, string])[] = [
  ["bare-semicolon", "5;"],
  ["two-semicolons", "5;;a=b"],
  ["space-instead-of-semicolon", "5 a=b"],
  ["no-value", "5;a="],
  ["nul", "5;a=\0"],
  ["control", "5;a=\x01"],
  ["bare-cr", "5;a=\rb"],
  ["bare-cr-in-name", "5;a\rb"],
  ["bare-lf", "5;a=\nb"],
  ["bare-lf-after-semicolon", "5;\n"],
  ["open-quote", '5;a="b'],
  ["high-byte-in-name", "5;\xe9=b"],
  ["bracket-in-name", "5;a[=b"],
  ["nul-in-name", "5;\0a"],
  ["cr-before-semicolon", "5\r\r;a"],
  ["crlf-in-quotes", '5;a="\r\n"'],
  ["lf-in-quotes", '5;a="\n"'],
  ["space-last", "5;a=b "],
];

const badExtensionVectors = badExtensions.map(([name, line]) =>
  vector(
    `chunk-ext-${name}`,
    "9112 §7.1.1 MUST",
    "an extension is `;name` or `;name=value`, and no line break hides in it (funky chunks)",
    chunkedPost(`${line}\r\nhello\r\n${end}${smuggled}`),
    cut(400),
  ),
);

/** Everything after the head of a chunked POST. */
const badBodies: readonly (readonly [string, string, string])[] = [
  ["size-line-lf", "a bare LF ends the size line", `5\nhello\r\n${end}`],
  ["size-line-cr", "a bare CR ends the size line", `5\rhello\r\n${end}`],
  ["data-lf", "a bare LF ends the data", `5\r\nhello\n${end}`],
  ["data-cr", "a bare CR ends the data", `5\r\nhello\r${end}`],
  ["data-two-other-bytes", "two bytes that are not CRLF end the data", `5\r\nhelloXX${end}`],
  ["data-lf-lf", "LF LF ends the data", `5\r\nhello\n\n${end}`],
  ["data-cr-cr", "CR CR ends the data", `5\r\nhello\r\r${end}`],
  ["data-no-end", "the next size follows the data at once", `5\r\nhello${end}`],
  ["data-too-long", "more data than the size says", `3\r\nhello\r\n${end}`],
  ["data-too-short", "less data than the size says", `7\r\nhello\r\n${end}`],
  ["data-empty-line", "an empty line between chunks", `5\r\nhello\r\n\r\n${end}`],
  [
    "data-spill",
    "the two bytes behind the data are skipped by some: the next size begins in them",
    `5\r\nhello2d\r\n${end}`,
  ],
  ["only-last-lf", "nothing but a last chunk, with a bare LF", "0\n\r\n"],
  ["only-last-plus", "a signed zero ends the body", "+0\r\n\r\n"],
  ["empty-line-only", "an empty line for a size", "\r\n\r\n"],
  ["last-lf", "a bare LF ends the last chunk", `5\r\nhello\r\n0\n\r\n`],
  ["last-cr", "a bare CR ends the last chunk", `5\r\nhello\r\n0\r\r\n`],
  ["end-lf", "a bare LF ends the body", `5\r\nhello\r\n0\r\n\n`],
  ["end-cr", "a bare CR before the last CRLF", `5\r\nhello\r\n0\r\n\r\r\n`],
  ["end-other-bytes", "two other bytes end the body", `5\r\nhello\r\n0\r\nXX`],
  ["end-lf-lf", "only LFs", `5\nhello\n0\n\n`],
  ["last-minus-zero", "a negative zero ends the body", `5\r\nhello\r\n-0\r\n\r\n`],
  ["last-hex-prefix", "0x0 ends the body", `5\r\nhello\r\n0x0\r\n\r\n`],
  ["last-ext-lf", "a bare LF in the last chunk's extension", `5\r\nhello\r\n0;a\nX: y\r\n\r\n`],
  ["trailer-lf", "a bare LF ends a trailer", `5\r\nhello\r\n0\r\nX-T: a\nX-U: b\r\n\r\n`],
  ["trailer-cr", "a bare CR in a trailer", `5\r\nhello\r\n0\r\nX-T: a\rX-U: b\r\n\r\n`],
  ["trailer-end-lf", "a bare LF ends the trailers", `5\r\nhello\r\n0\r\nX-T: a\r\n\n`],
  ["trailer-nul", "a NUL in a trailer", `5\r\nhello\r\n0\r\nX-T: a\0b\r\n\r\n`],
  ["trailer-no-colon", "a trailer without a colon", `5\r\nhello\r\n0\r\nX-T\r\n\r\n`],
  ["trailer-space-before-colon", "a space before the colon", `5\r\nhello\r\n0\r\nX-T : a\r\n\r\n`],
  ["trailer-fold", "a folded trailer", `5\r\nhello\r\n0\r\nX-T: a\r\n b\r\n\r\n`],
  ["trailer-fold-first", "whitespace before the first trailer", `5\r\nhello\r\n0\r\n X-T: a\r\n\r\n`],
  ["trailer-empty-name", "a trailer without a name", `5\r\nhello\r\n0\r\n: a\r\n\r\n`],
  ["trailer-request-line", "a request where trailers belong", `5\r\nhello\r\n0\r\nGET /x HTTP/1.1\r\n\r\n`],
];

const badBodyVectors = badBodies.map(([name, why, body]) =>
  vector(`chunk-${name}`, "9112 §7.1 MUST", why, chunkedPost(body + smuggled), cut(400)),
);

const bounds: readonly RequestVector[] = [
  vector(
    "chunk-ext-64k",
    "9112 §7.1.1 SHOULD",
    "an extension of 64 KB: the length of extensions is bounded",
    chunkedPost(`5;a=${"b".repeat(65_536)}\r\nhello\r\n${end}`),
    cut(400, 413, 431),
  ),
  vector(
    "chunk-ext-endless",
    "9112 §7.1.1 SHOULD",
    "an extension that never ends",
    chunkedPost(`5;${"a".repeat(262_144)}`),
    cut(400, 413, 431),
  ),
  vector(
    "chunk-trailers-64k",
    "9112 §7.1.2 ours",
    "trailers of 64 KB: bounded like a head",
    chunkedPost(`5\r\nhello\r\n0\r\nX-T: ${"b".repeat(65_536)}\r\n\r\n`),
    cut(400, 413, 431),
  ),
  vector(
    "chunk-trailers-10000",
    "9112 §7.1.2 ours",
    "ten thousand trailers: counted like header fields",
    chunkedPost(`5\r\nhello\r\n0\r\n${"X-T: a\r\n".repeat(10_000)}\r\n`),
    cut(400, 413, 431),
  ),
  vector(
    "chunk-size-zeros-endless",
    "9112 §7.1 MUST",
    "a size line of a million zeros",
    chunkedPost("0".repeat(1_000_000)),
    cut(400, 413, 431),
  ),
];

const incomplete: readonly RequestVector[] = [
  vector("chunk-fin-in-size", "9112 §8 MUST", "ends in a size", chunkedPost("5"), cut(400), "fin"),
  vector("chunk-fin-in-data", "9112 §8 MUST", "ends in a chunk", chunkedPost("5\r\nhel"), cut(400), "fin"),
  vector(
    "chunk-fin-no-last",
    "9112 §8 MUST",
    "ends without a last chunk",
    chunkedPost("5\r\nhello\r\n"),
    cut(400),
    "fin",
  ),
  vector(
    "chunk-fin-in-last",
    "9112 §8 MUST",
    "ends within the last line",
    chunkedPost("5\r\nhello\r\n0\r\n\r"),
    cut(400),
    "fin",
  ),
  vector(
    "chunk-fin-in-trailer",
    "9112 §8 MUST",
    "ends in a trailer",
    chunkedPost("5\r\nhello\r\n0\r\nX-T: a\r\n"),
    cut(400),
    "fin",
  ),
  vector(
    "cl-fin-short",
    "9112 §8 MUST",
    "ends before Content-Length is reached",
    `${post("Content-Length: 10")}hello`,
    cut(400),
    "fin",
  ),
  vector("cl-fin-no-body", "9112 §8 MUST", "ends before a body", post("Content-Length: 10"), cut(400), "fin"),
];

const trailer = (name: string, line: string): RequestVector =>
  vector(
    `trailer-${name}`,
    "9110 §6.5.1 MUST",
    "a field that steers framing, routing or authentication is no trailer: dropped or refused",
    chunkedPost(`5\r\nhello\r\n0\r\n${line}\r\n\r\n`) + get(),
    oneOf(cut(400), forwarded(seenPost("hello", "chunked"), seenGet())),
  );

const right: readonly RequestVector[] = [
  vector("chunk-one", "9112 §7.1 MUST", "one chunk", chunkedPost(`5\r\nhello\r\n${end}`), hello),
  vector(
    "chunk-many",
    "9112 §7.1 MUST",
    "a chunk for each byte",
    chunkedPost(`1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n${end}`),
    hello,
  ),
  vector(
    "chunk-none",
    "9112 §7.1 MUST",
    "a body of no bytes",
    chunkedPost(end),
    forwarded(seenPost("", "chunked")),
  ),
  vector(
    "chunk-hex-upper",
    "9112 §7.1 MUST",
    "sizes in upper case",
    chunkedPost(`A\r\nhelloworld\r\n${end}`),
    forwarded(seenPost("helloworld", "chunked")),
  ),
  vector(
    "chunk-hex-lower",
    "9112 §7.1 MUST",
    "sizes in lower case",
    chunkedPost(`a\r\nhelloworld\r\n${end}`),
    forwarded(seenPost("helloworld", "chunked")),
  ),
  vector("chunk-size-zeros", "9112 §7.1 MUST", "leading zeros", chunkedPost(`005\r\nhello\r\n${end}`), hello),
  vector(
    "chunk-size-16-digits",
    "9112 §7.1 MUST",
    "filled up to 64 bits",
    chunkedPost(`0000000000000005\r\nhello\r\n${end}`),
    hello,
  ),
  vector(
    "chunk-last-zeros",
    "9112 §7.1 MUST",
    "the last chunk is 1*0",
    chunkedPost("5\r\nhello\r\n0000\r\n\r\n"),
    hello,
  ),
  vector(
    "chunk-ext",
    "9112 §7.1.1 MUST",
    "extensions are ignored",
    chunkedPost(`5;a=b\r\nhello\r\n0;c\r\n\r\n`),
    hello,
  ),
  vector(
    "chunk-ext-quoted",
    "9112 §7.1.1 MUST",
    "a quoted value may hold a semicolon",
    chunkedPost(`5;a="b;c\\"d"\r\nhello\r\n${end}`),
    hello,
  ),
  vector(
    "chunk-ext-several",
    "9112 §7.1.1 MUST",
    "several extensions",
    chunkedPost(`5;a;b=c;d="e f"\r\nhello\r\n${end}`),
    hello,
  ),
  vector(
    "chunk-ext-whitespace",
    "9112 §7.1.1 ours",
    "BWS around the semicolon: grammatical, bad, and refusable",
    chunkedPost(`5 ; a = b\r\nhello\r\n${end}`),
    oneOf(cut(400), hello),
  ),
  vector(
    "chunk-data-looks-like-end",
    "9112 §7.1 MUST",
    "data that looks like the end of a body",
    chunkedPost(`7\r\n0\r\n\r\nXY\r\n${end}`),
    forwarded(seenPost("0\r\n\r\nXY", "chunked")),
  ),
  vector(
    "chunk-data-looks-like-request",
    "9112 §7.1 MUST",
    "data that looks like a request",
    chunkedPost(`${smuggled.length.toString(16)}\r\n${smuggled}\r\n${end}`),
    forwarded(seenPost(smuggled, "chunked")),
  ),
  vector(
    "chunk-trailers",
    "9112 §7.1.2 MUST",
    "trailers go on",
    post("Transfer-Encoding: chunked", "Trailer: X-Checksum").concat(
      "5\r\nhello\r\n0\r\nX-Checksum: abc\r\nX-Empty:\r\n\r\n",
    ),
    forwarded(
      seen("POST /v HTTP/1.1", {
        body: "hello",
        framing: "chunked",
        trailers: ["x-checksum: abc", "x-empty: "],
      }),
    ),
  ),
  vector(
    "chunk-trailer-looks-like-request",
    "9112 §7.1.2 MUST",
    "a trailer whose value is a request line (CVE-2023-40175)",
    chunkedPost("5\r\nhello\r\n0\r\nX:POST / HTTP/1.1\r\n\r\n"),
    forwarded(
      seen("POST /v HTTP/1.1", {
        body: "hello",
        framing: "chunked",
        trailers: ["x: POST / HTTP/1.1"],
      }),
    ),
  ),
  vector(
    "chunk-pipelined",
    "9112 §9.3.2 MUST",
    "a request right behind a chunked one",
    chunkedPost(`5\r\nhello\r\n${end}`) + get(),
    forwarded(seenPost("hello", "chunked"), seenGet()),
  ),
  vector(
    "chunk-on-get",
    "9110 §9.3.1 MAY",
    "a GET with a chunked body goes on with its framing, or is refused",
    `${get("Transfer-Encoding: chunked")}5\r\nhello\r\n${end}`,
    oneOf(forwarded(seen("GET /v HTTP/1.1", { body: "hello", framing: "chunked" })), cut(400)),
  ),
  trailer("content-length", "Content-Length: 50"),
  trailer("transfer-encoding", "Transfer-Encoding: chunked"),
  trailer("host", "Host: b.example"),
  trailer("connection", "Connection: close"),
  trailer("content-type", "Content-Type: text/html"),
  trailer("authorization", "Authorization: Basic Zm9vOmJhcg=="),
  trailer("x-forwarded-for", "X-Forwarded-For: 10.0.0.1"),
  trailer("roundhouse-peer", "Roundhouse-Peer: 127.0.0.1"),
];

export const chunks: readonly RequestVector[] = [
  ...badSizeVectors,
  ...badExtensionVectors,
  ...badBodyVectors,
  ...bounds,
  ...incomplete,
  ...right,
];
