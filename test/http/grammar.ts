// Messages from the grammar of RFC 9112, and ways to spoil them: the arbitraries of the fuzz tests.
import fc from "fast-check";
import type { SeenRequest } from "./vectors/vector.ts";

const tokenCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^`|~";
const targetCharacters = "abcxyzABC019-._~!$&'()*+,;=:@/";
const visible = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join("");
const obsText = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join("");

const text = (characters: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });
const bytes = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength });

/** Names that mean something to a proxy are left to the vectors. */
const fieldName = text(tokenCharacters, 1, 12)
  .map((name) => `X-${name}`)
  .filter((name) => !/^x-(forwarded|real-ip|request-id)/i.test(name));
const fieldWord = text(visible + obsText, 1, 8);
const fieldValue = fc
  .array(fc.tuple(fieldWord, fc.constantFrom(" ", "\t", "  ")), { maxLength: 4 })
  .map((words) =>
    words
      .map(([word, space]) => word + space)
      .join("")
      .trimEnd(),
  );
const spacing = fc.constantFrom("", " ", "\t", "  ");
interface Field {
  readonly line: string;
  readonly seen: string;
}
const field: fc.Arbitrary<Field> = fc
  .tuple(fieldName, spacing, fieldValue, spacing)
  .map(([name, before, value, behind]) => ({
    line: `${name}:${before}${value}${behind}`,
    seen: `${name.toLowerCase()}: ${value}`,
  }));
const fields = fc.array(field, { maxLength: 5 });

const path = text(targetCharacters, 0, 20).map((rest) => `/${rest}`);
const encoded = fc.integer({ min: 0, max: 255 }).map((code) => `%${code.toString(16).padStart(2, "0")}`);
const target = fc
  .tuple(
    path,
    fc.array(encoded, { maxLength: 2 }),
    fc.option(text(`${targetCharacters}?`, 0, 15), { nil: undefined }),
  )
  .map(([start, codes, query]) => start + codes.join("") + (query === undefined ? "" : `?${query}`));

interface Body {
  /** Framing field lines. */
  readonly lines: readonly string[];
  readonly bytes: string;
  readonly body: string;
  readonly framing: "none" | "length" | "chunked";
  readonly trailers: readonly string[];
}

const noBody: fc.Arbitrary<Body> = fc.constant({
  lines: [],
  bytes: "",
  body: "",
  framing: "none",
  trailers: [],
});
const lengthBody: fc.Arbitrary<Body> = bytes(60).map((body) => ({
  lines: [`Content-Length: ${body.length}`],
  bytes: body,
  body,
  framing: body === "" ? "none" : "length",
  trailers: [],
}));
const extension = fc.constantFrom("", "", ";a", ";a=b", ';a="b;\\"c"', ";a;b=c");
const chunk = fc
  .tuple(
    bytes(20).filter((data) => data !== ""),
    extension,
    fc.boolean(),
  )
  .map(([data, ext, upper]) => {
    const size = data.length.toString(16);
    return { data, text: `${upper ? size.toUpperCase() : `0${size}`}${ext}\r\n${data}\r\n` };
  });
const chunkedBody: fc.Arbitrary<Body> = fc
  .tuple(fc.array(chunk, { maxLength: 4 }), extension, fc.array(field, { maxLength: 2 }))
  .map(([chunks, ext, trailers]) => ({
    lines: ["Transfer-Encoding: chunked"],
    bytes: `${chunks.map((one) => one.text).join("")}0${ext}\r\n${trailers.map(({ line }) => `${line}\r\n`).join("")}\r\n`,
    body: chunks.map(({ data }) => data).join(""),
    framing: "chunked",
    trailers: trailers.map(({ seen }) => seen),
  }));

export interface GeneratedRequest {
  readonly bytes: string;
  readonly seen: SeenRequest;
}

/** A request that must be forwarded, and how it must be seen. */
export const validRequest: fc.Arbitrary<GeneratedRequest> = fc
  .tuple(
    fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"),
    target,
    fields,
    fc.oneof(noBody, lengthBody, chunkedBody),
  )
  .filter(([method, , , body]) => body.framing === "none" || /^(POST|PUT|PATCH|PURGE)$/.test(method))
  .map(([method, uri, list, body]) => ({
    bytes: `${[`${method} ${uri} HTTP/1.1`, "Host: a.example", ...list.map(({ line }) => line), ...body.lines].join("\r\n")}\r\n\r\n${body.bytes}`,
    seen: {
      line: `${method} ${uri} HTTP/1.1`,
      host: "a.example",
      fields: list.map(({ seen }) => seen),
      body: body.body,
      framing: body.framing,
      trailers: body.trailers,
    },
  }));

export interface GeneratedAnswer {
  readonly bytes: string;
  readonly status: number;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  readonly interims: readonly number[];
}

/** An answer to a GET that must be passed on. */
export const validAnswer: fc.Arbitrary<GeneratedAnswer> = fc
  .tuple(
    fc.array(fc.constantFrom(102, 103), { maxLength: 2 }),
    fc.constantFrom(200, 201, 206, 301, 404, 418, 500, 503),
    text(`${visible} ${obsText}`, 0, 12),
    fields,
    fc.oneof(lengthBody, chunkedBody),
  )
  .map(([interims, status, reason, list, body]) => ({
    bytes: `${interims.map((code) => `HTTP/1.1 ${code} X\r\n\r\n`).join("")}${[`HTTP/1.1 ${status} ${reason}`, ...list.map(({ line }) => line), ...body.lines].join("\r\n")}\r\n\r\n${body.bytes}`,
    status,
    fields: list.map(({ seen }) => seen),
    body: body.body,
    trailers: body.trailers,
    interims,
  }));

/** Where to cut a message of any length: fractions of it. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
  maxLength: 6,
});
export const offsets = (fractions: readonly number[], length: number): number[] =>
  [...new Set(fractions.map((fraction) => Math.floor(fraction * length)))]
    .filter((at) => at > 0)
    .sort((a, b) => a - b);

const poison = fc.constantFrom(
  ...'\r|\n|\0|\r\n| |\t|\x0b|\x0c|\x7f|\x85|\xa0|\xff|:|;|,|0|5|-|+|=|"|#|/'.split("|"),
  "\r\n\r\n",
  "\n\n",
  "\r\n ",
  "0\r\n\r\n",
  "0x",
  "chunked",
  "\r\nContent-Length: 5",
  "\r\nContent-Length: 0",
  "\r\nTransfer-Encoding: chunked",
  "\r\nTransfer-Encoding: identity",
  "\r\nHost: b.example",
  "\r\nConnection: close",
  "\r\nConnection: content-length, host",
  "\r\nExpect: 100-continue",
  "\r\nX-A : b",
  "HTTP/1.0",
  "GET /smuggled HTTP/1.1\r\nHost: b.example\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
);

type Mutation = (message: string) => string;
const place = fc.double({ min: 0, max: 1, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, poison).map(
    ([at, word]) =>
      (message: string) =>
        splice(message, at, 0, word),
  ),
  fc.tuple(place, poison).map(
    ([at, word]) =>
      (message: string) =>
        splice(message, at, word.length, word),
  ),
  fc.tuple(place, fc.integer({ min: 1, max: 8 })).map(
    ([at, count]) =>
      (message: string) =>
        splice(message, at, count, ""),
  ),
  fc.tuple(place, poison).map(
    ([at, word]) =>
      (message: string) =>
        atLineEnd(message, at, word),
  ),
  fc.tuple(place, place).map(
    ([from, to]) =>
      (message: string) =>
        repeatLine(message, from, to),
  ),
);
/** One to three mutations in a row. */
export const mutations: fc.Arbitrary<Mutation> = fc
  .array(mutation, { minLength: 1, maxLength: 3 })
  .map((list) => (message: string) => list.reduce((spoiled, mutate) => mutate(spoiled), message));

function splice(message: string, at: number, count: number, word: string): string {
  const from = Math.floor(at * message.length);
  return message.slice(0, from) + word + message.slice(from + count);
}

/** Before a line end, where most confusions live. */
function atLineEnd(message: string, at: number, word: string): string {
  const from = message.indexOf("\r\n", Math.floor(at * message.length));
  return from < 0 ? message : message.slice(0, from) + word + message.slice(from);
}

function repeatLine(message: string, from: number, to: number): string {
  const lines = message.split("\r\n");
  lines.splice(Math.floor(to * lines.length), 0, lines[Math.floor(from * (lines.length - 1))] ?? "");
  return lines.join("\r\n");
}
