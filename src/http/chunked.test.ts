// The chunked coding: what goes in comes out, however it is cut; what is malformed does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asOneChunk, asPlainData, chunkedIsDone, createChunkedReader, readChunked } from "./chunked.ts";

interface Decoded {
  data: string;
  trailer: string;
  /** Bytes after the body's end. */
  rest: string;
  done: boolean;
  problem: string;
}

function decode(pieces: readonly string[]): Decoded {
  const reader = createChunkedReader();
  let data = "";
  let rest = "";
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, "latin1");
    const upTo = readChunked(reader, bytes, 0, bytes.length, 1024);
    if (upTo < 0) return { data, trailer: "", rest, done: false, problem: reader.problem };
    data += asPlainData(reader, bytes).toString("latin1");
    rest += bytes.toString("latin1", upTo);
  }
  return { data, trailer: reader.trailer, rest, done: chunkedIsDone(reader), problem: "" };
}

const latin1 = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));
const extension = fc.constantFrom("", ";a", ";a=b", '; a = "b;\\" c"', " ;x=1;y");
const coded = fc.record({
  chunks: fc.array(fc.tuple(latin1, extension, fc.boolean())),
  trailer: fc.constantFrom("", "X-T: 1\r\n", "A: b\r\nC: d\r\n"),
  cuts: fc.array(fc.nat(400), { maxLength: 12 }),
});

test("data and trailer come out whole, wherever the bytes are cut", () => {
  fc.assert(
    fc.property(coded, ({ chunks, trailer, cuts }) => {
      const text = `${chunks
        .map(([data, ext, upper]) => {
          const size = data.length.toString(16);
          return `${upper ? size.toUpperCase() : size}${ext}\r\n${data}\r\n`;
        })
        .join("")}0\r\n${trailer}\r\n`;
      const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((place, index) => text.slice(places[index], place));
      const decoded = decode([...pieces, "next"]);
      assert.equal(decoded.data, chunks.map(([data]) => data).join(""));
      assert.equal(decoded.trailer, `${trailer}\r\n`);
      assert.equal(decoded.rest, "next");
      assert.ok(decoded.done);
    }),
  );
});

test("what was read is one well-formed chunk again", () => {
  const reader = createChunkedReader();
  const bytes = Buffer.from("2;a\r\nhe\r\n10\r\n0123456789abcdef\r\n3\r\nabc");
  assert.equal(readChunked(reader, bytes, 0, bytes.length, 1024), bytes.length);
  assert.equal(asOneChunk(reader, bytes).toString(), "15\r\nhe0123456789abcdefabc\r\n");
});

const malformed = [
  "\r\n",
  "g\r\n",
  "-1\r\n",
  "+1\r\n",
  "0x1\r\n",
  " 1\r\nx\r\n",
  "1 \r\nx\r\n",
  "1\nx\r\n",
  "1\r\rx\r\n",
  "1\r\nxy\r\n",
  "1\r\nx\n",
  "1\r\nx\r\r",
  "1;\r\nx\r\n",
  "1;=b\r\nx\r\n",
  "1;a=\r\nx\r\n",
  "1;a\nb\r\nx\r\n",
  '1;a="b\r\n"\r\nx\r\n',
  "1;a b\r\nx\r\n",
  "1;\0\r\nx\r\n",
  "20000000000000\r\n",
  "ffffffffffffffff\r\n",
  "00000000000000001\r\n",
  "0\r\nX: a\n\r\n",
  "0\r\n\n",
  `0\r\nX: ${"x".repeat(2000)}\r\n\r\n`,
  `1;a=${"b".repeat(20_000)}\r\nx\r\n`,
];

for (const text of malformed) {
  test(`refuses ${JSON.stringify(text.slice(0, 30))}, whole and byte by byte`, () => {
    assert.notEqual(decode([text]).problem, "");
    assert.notEqual(decode([...text]).problem, "");
  });
}
