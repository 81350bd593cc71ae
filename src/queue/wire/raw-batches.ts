// A produce body of raw record batches: each one checked before any is appended, its records walked where they can be.
import { batchesIn, HEADER_BYTES, producedBatchFault, readHeader } from "../record-batch.ts";
import { type Cursor, readVarint } from "../varint.ts";
import { WireProblem } from "./problem.ts";

/** The batches, copied out of nothing: views of the body. Throws WireProblem, telling which batch and which message. */
export function readBatches(body: Buffer, messageBytesMax: number): Buffer[] {
  const batches = [...batchesIn(body)];
  if (batches.length === 0)
    throw new WireProblem(400, "BAD_REQUEST", "Cannot produce 0 record batches; send at least one");
  for (const [index, batch] of batches.entries()) {
    const fault = producedBatchFault(batch);
    if (fault !== null) throw badBatch(index, fault);
    if (readHeader(batch).compression === 0) checkRecords(batch, index, messageBytesMax);
  }
  return batches;
}

function badBatch(batch: number, fault: string, message?: number): WireProblem {
  const place =
    message === undefined ? `record batch ${batch}` : `message ${message} of record batch ${batch}`;
  const detail = `Cannot produce ${place} of the request: ${fault}; nothing was stored`;
  const members = message === undefined ? { batch } : { batch, message };
  return new WireProblem(400, "BAD_BATCH", detail, members);
}

const cursor: Cursor = { at: 0 };

/** Walks the records without making any: those who read them as JSON must not stumble later. */
function checkRecords(bytes: Buffer, batch: number, messageBytesMax: number): void {
  const { count } = readHeader(bytes);
  cursor.at = HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    let length = 0;
    try {
      length = readVarint(bytes, cursor, bytes.length);
      walkRecord(bytes, cursor.at + length, index);
    } catch (error) {
      if (error instanceof RangeError) throw badBatch(batch, error.message, index);
      throw error;
    }
    if (length > messageBytesMax + 1024) throw tooLarge(batch, index, length, messageBytesMax);
  }
  if (cursor.at !== bytes.length)
    throw badBatch(batch, `${bytes.length - cursor.at} bytes follow its last record`);
}

function walkRecord(bytes: Buffer, end: number, index: number): void {
  if (end > bytes.length) throw new RangeError("it is longer than its batch");
  cursor.at++;
  readVarint(bytes, cursor, end);
  const delta = readVarint(bytes, cursor, end);
  if (delta !== index) throw new RangeError(`its offset delta is ${delta}`);
  skipField(bytes, end);
  skipField(bytes, end);
  const headers = readVarint(bytes, cursor, end);
  if (headers < 0 || headers > end - cursor.at) throw new RangeError(`it claims ${headers} headers`);
  for (let i = 0; i < headers; i++) {
    if (!skipField(bytes, end)) throw new RangeError("a header has no key");
    skipField(bytes, end);
  }
  if (cursor.at !== end) throw new RangeError(`${end - cursor.at} bytes follow its last header`);
}

/** False when it is null. */
function skipField(bytes: Buffer, end: number): boolean {
  const length = readVarint(bytes, cursor, end);
  if (length < -1 || length > end - cursor.at)
    throw new RangeError(`a field says that it has ${length} bytes`);
  if (length > 0) cursor.at += length;
  return length !== -1;
}

function tooLarge(batch: number, message: number, bytes: number, bytesMax: number): WireProblem {
  const detail =
    `Cannot produce message ${message} of record batch ${batch}: it has ${bytes} bytes, and at most ${bytesMax} are ` +
    "accepted; nothing was stored";
  return new WireProblem(413, "TOO_LARGE", detail, { batch, message, bytes_max: bytesMax });
}
