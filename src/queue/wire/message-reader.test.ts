import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { producedBatchFault } from "../record-batch.ts";
import { packBatch, recordsOf } from "../records.ts";
import { parseJson } from "./json-scanner.ts";
import { packMessages } from "./message-batches.ts";
import { readMessages } from "./message-reader.ts";
import { WireProblem } from "./problem.ts";

const bytesMax = 1_000_000;
const unicode = fc.string({ unit: "binary", maxLength: 40 });
const binary = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
const field = fc.oneof(unicode, binary, fc.constant(null));
const message = fc.record({
  key: fc.oneof({ weight: 5, arbitrary: field }, { weight: 1, arbitrary: fc.constant("k".repeat(70_000)) }),
  value: field,
  headers: fc.dictionary(unicode, field, { maxKeys: 4 }),
  timestampMs: fc.option(fc.integer({ min: -1e12, max: 1e14 }), { nil: undefined }),
});
type Sample = typeof message extends fc.Arbitrary<infer T> ? T : never;

/** As a client may write it: every binary field in base64, some text with needless escapes. */
function written({ key, value, headers, timestampMs }: Sample, escaped: boolean): string {
  const parts: string[] = [];
  const add = (name: string, content: string | Buffer | null) => {
    if (Buffer.isBuffer(content)) parts.push(`"${name}_base64":"${content.toString("base64")}"`);
    else
      parts.push(
        `${JSON.stringify(name)}:${escaped && content !== null ? escapedText(content) : JSON.stringify(content)}`,
      );
  };
  add("value", value);
  if (key !== null) add("key", key);
  const texts = Object.entries(headers).filter(([, content]) => !Buffer.isBuffer(content));
  const bytes = Object.entries(headers).filter(([, content]) => Buffer.isBuffer(content));
  const member = ([name, content]: [string, string | Buffer | null]) =>
    `${JSON.stringify(name)}:${Buffer.isBuffer(content) ? JSON.stringify(content.toString("base64")) : JSON.stringify(content)}`;
  if (texts.length > 0) parts.push(`"headers": {${texts.map(member).join(" , ")}}`);
  if (bytes.length > 0) parts.push(`"headers_base64":{${bytes.map(member).join(",")}}`);
  if (timestampMs !== undefined) parts.push(`"timestamp_ms":${timestampMs}`);
  return `{ ${parts.join(escaped ? " , " : ",")}}`;
}

function escapedText(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}"`;
}

function expectRecords(batch: Buffer, samples: readonly Sample[], nowMs: number): void {
  assert.equal(producedBatchFault(batch), null);
  const records = [...recordsOf(batch)];
  assert.equal(records.length, samples.length);
  for (const [i, sample] of samples.entries()) {
    const record = records[i];
    assert.ok(record !== undefined);
    const wanted = (content: string | Buffer | null) => (content === null ? null : Buffer.from(content));
    assert.deepEqual(record.key, wanted(sample.key));
    assert.deepEqual(record.value, wanted(sample.value));
    assert.equal(record.timestampMs, sample.timestampMs ?? nowMs);
    const headers = new Map(record.headers.map((header) => [header.key, header.value]));
    const wantedHeaders = Object.entries(sample.headers).map(([key, value]) => [key, wanted(value)] as const);
    assert.deepEqual(headers, new Map(wantedHeaders));
  }
}

const problem = (body: string | Buffer, form: "json" | "lines" = "json", max = bytesMax) => {
  try {
    readMessages(Buffer.from(body as string), form, max);
  } catch (error) {
    assert.ok(error instanceof WireProblem, String(error));
    return error;
  }
  assert.fail(`accepted: ${body}`);
};

describe("reading messages", () => {
  it("finds in the record batch what was in the JSON, in every form", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 20 }), fc.boolean(), (samples, escaped) => {
        const texts = samples.map((sample) => written(sample, escaped));
        const bodies = [
          [`[${texts.join(" ,\n")}]`, "json"],
          [`\n${texts.join("\r\n\n")}\n`, "lines"],
        ] as const;
        for (const [body, form] of bodies) {
          const table = readMessages(Buffer.from(body), form, bytesMax);
          expectRecords(packMessages(table, null, 1234, null), samples, 1234);
        }
        const one = readMessages(Buffer.from(texts[0] ?? ""), "json", bytesMax);
        expectRecords(packMessages(one, null, 5, null), samples.slice(0, 1), 5);
      }),
      { numRuns: 200 },
    );
  });

  it("packs the same bytes as the library does", () => {
    const body =
      '{"key":"a","value":"1"}\n{"value":null,"headers":{"h":"x"}}\n{"value":"ünï","timestamp_ms":7}';
    const table = readMessages(Buffer.from(body), "lines", bytesMax);
    const batch = packMessages(table, [0, 2], 1000, { id: 3, epoch: 1, sequence: 9 });
    const records = [
      { key: Buffer.from("a"), value: Buffer.from("1") },
      { value: Buffer.from("ünï"), timestampMs: 7 },
    ];
    const wanted = packBatch(records, { timestampMs: 1000, producer: { id: 3, epoch: 1, sequence: 9 } });
    assert.deepEqual(batch, wanted);
  });

  it("refuses what is malformed and says at which byte and in which message", () => {
    const cases: readonly (readonly [string | Buffer, "json" | "lines", number, number])[] = [
      ["", "json", 0, 0],
      ['{"value":"a"', "json", 0, 12],
      ['{"value":"a"} x', "json", 0, 14],
      ['{"value":"a"},', "json", 0, 13],
      ['[{"value":"a"},]', "json", 1, 15],
      ['[{"value":"ä"},{"value":tru}]', "json", 1, 25],
      ['{"value":"a"}\n{"value":"b}\n', "lines", 1, 26],
      ['{"value":"a"}{"value":"b"}', "lines", 0, 13],
      ['{"value":\n"a"}', "lines", 0, 9],
      ['{"value":"a\\x"}', "json", 0, 11],
      ['{"value":"\\ud800"}', "json", 0, 10],
      ['{"value":"\\u12g4"}', "json", 0, 10],
      ['{"value":"a\tb"}', "json", 0, 11],
      ['{"value":5}', "json", 0, 9],
      ['{"value":"a","valeu":1}', "json", 0, 13],
      ['{"value":"a","value":"b"}', "json", 0, 21],
      ['{"key":"a"}', "json", 0, 0],
      ['{"value_base64":"QQ="}', "json", 0, 16],
      ['{"value_base64":"QQ*="}', "json", 0, 16],
      ['{"value":"a","timestamp_ms":1.5}', "json", 0, 28],
      ['{"value":"a","timestamp_ms":01}', "json", 0, 28],
      [Buffer.from([0x7b, 0xff, 0x7d]), "json", 0, 1],
      [Buffer.from('{"value":"ä"}').subarray(0, 11), "json", 0, 10],
      ["\ufeff{}", "json", 0, 0],
    ];
    for (const [body, form, index, byte] of cases) {
      const { status, code, members, message: text } = problem(body as string, form);
      assert.deepEqual(
        [status, code, members.message, members.byte],
        [400, "MALFORMED_JSON", index, byte],
        `${body}`,
      );
      assert.match(text, new RegExp(`message ${index} .* at byte ${byte}`));
    }
  });

  it("refuses a message that is too large, and says which", () => {
    const body = `[{"value":"a"},{"key":"${"k".repeat(60)}","value":"${"v".repeat(41)}"}]`;
    const { status, code, members } = problem(body, "json", 100);
    assert.deepEqual([status, code, members.message, members.bytes], [413, "TOO_LARGE", 1, 101]);
    readMessages(Buffer.from(body), "json", 101);
    readMessages(Buffer.from(`{"value":"${"\\u0041".repeat(100)}"}`), "json", 100);
    assert.equal(problem("[]").code, "BAD_REQUEST");
    assert.equal(problem("\n", "lines").code, "BAD_REQUEST");
  });

  it("accepts and refuses random text as JSON.parse does", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"',
      ":",
      ",",
      "1",
      "-0.5e3",
      "01",
      "null",
      "true",
      "\\u00e4",
      "\\",
      "a",
      " ",
      "\n",
      "\0",
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
      fc.json({ maxDepth: 4 }),
      fc
        .tuple(fc.json(), fc.nat(40), piece)
        .map(([json, at, extra]) => json.slice(0, at) + extra + json.slice(at)),
    );
    fc.assert(
      fc.property(text, (json) => {
        const body = Buffer.from(json);
        let expected: unknown;
        try {
          expected = JSON.parse(body.toString());
        } catch {
          assert.throws(() => parseJson(Buffer.from(json)), /./);
          return;
        }
        assert.deepEqual(parseJson(Buffer.from(json)), expected);
      }),
      { numRuns: 3000 },
    );
  });

  it("never does anything but accept or refuse", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          binary,
          fc.string().map((text) => Buffer.from(`{"value":${text}`)),
        ),
        (body) => {
          try {
            readMessages(body, "lines", bytesMax);
          } catch (error) {
            assert.ok(error instanceof WireProblem);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
