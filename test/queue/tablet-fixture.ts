// What the tests of a tablet's store share: tablets in a folder of their own, short messages, and how to read an error.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { packBatch, recordsOf } from "../../src/queue/records.ts";
import { type LmdbTabletOptions, openLmdbTablet } from "../../src/queue/stores/lmdb.ts";
import type { Fetched, Tablet } from "../../src/queue/tablet.ts";

const folder = mkdtempSync(join(tmpdir(), "tablet-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
export const newFile = (): string => join(folder, `${++files}.lmdb`);

/** Tablet 4 in this file. */
export function open(file: string, epoch = 1, options: Partial<LmdbTabletOptions> = {}): Promise<Tablet> {
  return openLmdbTablet({ file, tablet: 4, epoch, ...options });
}

/** A new tablet with shard 0, for as long as the test runs. */
export async function withTablet(
  run: (tablet: Tablet, file: string) => Promise<void>,
  options: Partial<LmdbTabletOptions> = {},
): Promise<void> {
  const file = newFile();
  const tablet = await open(file, 1, options);
  try {
    await tablet.createShard(0);
    await run(tablet, file);
  } finally {
    await tablet.close();
  }
}

export function batch(texts: readonly string[], timestampMs = 1000): Buffer {
  return packBatch(
    texts.map((text) => ({ value: Buffer.from(text) })),
    { timestampMs },
  );
}

/** A batch of an idempotent producer. */
export function produced(sequence: number, texts: readonly string[], producer = 5, epoch = 0): Buffer {
  return packBatch(
    texts.map((text) => ({ value: Buffer.from(text) })),
    { timestampMs: 1000, producer: { id: producer, epoch, sequence } },
  );
}

export const append = (tablet: Tablet, ...texts: string[]) =>
  tablet.append({ shard: 0, batch: batch(texts) });

/** `offset:text` of each message. */
export function messages({ batches }: Fetched, from = 0): string[] {
  return batches.flatMap((one) =>
    [...recordsOf(one, from)].map((record) => `${record.offset}:${record.value}`),
  );
}

export async function all(tablet: Tablet, shard = 0): Promise<string[]> {
  const start = tablet.range(shard)?.start ?? 0;
  return messages(await tablet.read(shard, start, { bytesMax: Number.MAX_SAFE_INTEGER }));
}

/** For assert.rejects: an error of this code, whose message matches. */
export const code = (expected: string, message?: RegExp) => (error: unknown) => {
  const { code: found, message: text } = error as { code: string; message: string };
  assert.equal(found, expected, text);
  if (message !== undefined) assert.match(text, message);
  return true;
};
