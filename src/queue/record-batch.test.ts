import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";
import {
  batchesIn,
  batchFault,
  HEADER_BYTES,
  producedBatchFault,
  readHeader,
  stampBatch,
} from "./record-batch.ts";
import { packBatch, recordsOf } from "./records.ts";

interface Golden {
  readonly name: string;
  readonly hex: string;
  readonly messages: readonly {
    readonly key: string | null;
    readonly value: string | null;
    readonly headers: readonly (readonly [string, string])[];
    readonly timestampMs?: number;
  }[];
}

const path = new URL("../../test/queue/golden/batches.json", import.meta.url);
const goldens = (JSON.parse(readFileSync(path, "utf8")) as { batches: Golden[] }).batches;
const bytesOf = (golden: Golden): Buffer => Buffer.from(golden.hex, "hex");
const codecOf = (golden: Golden): number => readHeader(bytesOf(golden)).compression;
const zstdHere = process.versions.zstd !== undefined;

describe("record batches that kcat and kafkajs made", () => {
  for (const golden of goldens) {
    it(`${golden.name} is sound, and stays so when it is stamped`, () => {
      const batch = bytesOf(golden);
      assert.equal(producedBatchFault(batch), null);
      assert.equal(readHeader(batch).count, golden.messages.length);
      const before = Buffer.from(batch);
      stampBatch(batch, 123_456_789_012, 77);
      assert.equal(batchFault(batch), null);
      assert.deepEqual(batch.subarray(16), before.subarray(16));
      assert.equal(readHeader(batch).baseOffset, 123_456_789_012);
      assert.equal(readHeader(batch).leaderEpoch, 77);
    });
  }

  for (const golden of goldens.filter(
    (one) => [0, 1].includes(codecOf(one)) || (codecOf(one) === 4 && zstdHere),
  )) {
    it(`${golden.name} holds the messages that were sent`, () => {
      const batch = bytesOf(golden);
      stampBatch(batch, 1000, 1);
      const found = [...recordsOf(batch)].map(({ key, value, headers, timestampMs, offset }, i) => ({
        key: key?.toString() ?? null,
        value: value?.toString() ?? null,
        headers: headers.map((header) => [header.key, header.value?.toString()]),
        ...(golden.messages[i]?.timestampMs === undefined ? {} : { timestampMs }),
        offset,
      }));
      assert.deepEqual(
        found,
        golden.messages.map((message, i) => ({ ...message, offset: 1000 + i })),
      );
    });
  }

  for (const golden of goldens.filter((one) => codecOf(one) === 0)) {
    it(`${golden.name} is what we pack from the same messages, byte for byte`, () => {
      const batch = bytesOf(golden);
      const { producerId, producerEpoch, baseSequence, baseTimestampMs } = readHeader(batch);
      const producer = { id: producerId, epoch: producerEpoch, sequence: baseSequence };
      const ours = packBatch([...recordsOf(batch)], { timestampMs: baseTimestampMs, producer });
      // Offset and leader epoch are the broker's; the two clients differ there.
      assert.equal(ours.subarray(16).toString("hex"), batch.subarray(16).toString("hex"));
      assert.equal(ours.readInt32BE(8), batch.readInt32BE(8));
    });
  }

  for (const golden of goldens.filter((one) => [2, 3].includes(codecOf(one)))) {
    it(`${golden.name} is stored, but refused where it would have to be opened`, () => {
      assert.throws(() => [...recordsOf(bytesOf(golden))], {
        code: "COMPRESSION_UNSUPPORTED",
        message: /compressed with (snappy|lz4): only gzip/,
      });
    });
  }
});

const bytes: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const plainObject = { noNullPrototype: true };
const recordHeader = fc.record(
  { key: fc.string({ maxLength: 12, unit: "grapheme" }), value: fc.option(bytes) },
  plainObject,
);
const record = fc.record(
  {
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.array(recordHeader, {
      maxLength: 3,
    }),
    timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  },
  plainObject,
);

describe("packing and reading", () => {
  it("give back what went in, compressed or not", () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.constantFrom("none", "gzip"),
        (records, compression) => {
          const batch = packBatch(records, { timestampMs: 0, compression });
          assert.equal(producedBatchFault(batch), null);
          stampBatch(batch, 500, 3);
          const expected = records.map((one, i) => ({ ...one, offset: 500 + i }));
          assert.deepEqual([...recordsOf(batch)], expected);
          const times = records.map((one) => one.timestampMs as number);
          assert.equal(readHeader(batch).maxTimestampMs, Math.max(...times));
        },
      ),
    );
  });

  it("can begin in the middle of a batch", () => {
    const batch = packBatch(
      ["a", "b", "c"].map((text) => ({ value: Buffer.from(text) })),
      { timestampMs: 5 },
    );
    stampBatch(batch, 10, 1);
    assert.deepEqual(
      [...recordsOf(batch, 11)].map((one) => `${one.offset}:${one.value}`),
      ["11:b", "12:c"],
    );
  });

  it("refuses an empty list", () => {
    assert.throws(() => packBatch([], { timestampMs: 0 }), /batch of 0 records/);
  });
});

const sample = (): Buffer =>
  packBatch(
    ["one", "two"].map((text) => ({ value: Buffer.from(text) })),
    { timestampMs: 5 },
  );

/** Changes a batch and makes its checksum right again, as a faulty but honest client would send it. */
function altered(change: (batch: Buffer) => void): Buffer {
  const batch = sample();
  change(batch);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

describe("a bad batch", () => {
  const table: [string, Buffer, RegExp][] = [
    ["too short", sample().subarray(0, 40), /it has 40 bytes, and the header alone takes 61/],
    ["cut off", sample().subarray(0, -1), /it says that it has \d+ bytes, and has \d+/],
    ["with bytes after its end", Buffer.concat([sample(), Buffer.alloc(1)]), /it says that it has/],
    ["of version 1", altered((b) => b.writeInt8(1, 16)), /magic byte is 1/],
    ["without records", altered((b) => b.writeInt32BE(0, 57)), /claims 0 records; 1 to 2 fit/],
    ["with a negative count", altered((b) => b.writeInt32BE(-1, 57)), /claims -1 records/],
    ["with more records than bytes", altered((b) => b.writeInt32BE(9999, 57)), /claims 9999 records/],
    ["with a wrong last offset", altered((b) => b.writeInt32BE(5, 23)), /lastOffsetDelta is 5; .* must be 1/],
    ["of a transaction", altered((b) => b.writeInt16BE(0x10, 21)), /transactions are not supported/],
    ["of control records", altered((b) => b.writeInt16BE(0x20, 21)), /control batch/],
    ["of codec 6", altered((b) => b.writeInt16BE(6, 21)), /compression is number 6/],
    ["of producer −5", altered((b) => b.writeBigInt64BE(-5n, 43)), /producer id is -5/],
    [
      "without a sequence",
      altered((b) => b.writeBigInt64BE(5n, 43)),
      /producer 5 sent epoch -1 and sequence -1/,
    ],
    [
      "from year 300,000,000",
      altered((b) => b.writeBigInt64BE(2n ** 62n, 35)),
      /timestamps .* are out of range/,
    ],
  ];
  for (const [what, batch, reason] of table) {
    it(`${what} is refused, with the reason`, () => {
      assert.match(producedBatchFault(batch) ?? "nothing wrong", reason);
    });
  }

  it("with any one bit flipped from the magic byte on is found", () => {
    const batch = sample();
    for (let bit = 8 * 8; bit < batch.length * 8; bit++) {
      const index = bit >> 3;
      if (index >= 12 && index < 16) continue; // the leader epoch is the broker's and not covered
      batch[index] = (batch[index] as number) ^ (1 << (bit & 7));
      assert.notEqual(batchFault(batch), null, `byte ${index}`);
      batch[index] = (batch[index] as number) ^ (1 << (bit & 7));
    }
    assert.equal(batchFault(batch), null);
  });

  it("of random bytes with a right checksum never does more than say so", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 8 }),
        (noise, count) => {
          const batch = Buffer.concat([sample().subarray(0, HEADER_BYTES), noise]);
          batch.writeInt32BE(batch.length - 12, 8);
          batch.writeInt32BE(count, 57);
          batch.writeInt32BE(count - 1, 23);
          batch.writeUInt32BE(crc32c(batch, 21), 17);
          if (batchFault(batch) !== null) return;
          try {
            for (const one of recordsOf(batch)) assert.ok(one.offset < count);
          } catch (error) {
            assert.equal((error as { code?: string }).code, "BAD_BATCH");
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("a run of batches", () => {
  it("is cut at their length fields, and an incomplete last one comes out as it is", () => {
    const one = sample();
    const run = Buffer.concat([one, one, one.subarray(0, 30)]);
    const pieces = [...batchesIn(run)];
    assert.deepEqual(
      pieces.map((piece) => piece.length),
      [one.length, one.length, 30],
    );
    assert.match(batchFault(pieces[2] as Buffer) ?? "", /30 bytes/);
  });

  it("ends even when a length field is nonsense", () => {
    const broken = sample();
    broken.writeInt32BE(-50, 8);
    assert.equal([...batchesIn(Buffer.concat([broken, sample()]))].length, 1);
  });
});
