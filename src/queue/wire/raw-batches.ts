// A produce body of raw record batches: each one checked before any is appended, its records walked where they can be.
import { batchesIn, compressionOf, countOf, HEADER_BYTES, producedBatchFault } from "../record-batch.ts";
import { RecordPlaces, readPlaces } from "../record-places.ts";
import { WireProblem } from "./problem.ts";

/** The batches, copied out of nothing: views of the body. Throws WireProblem, telling which batch and which message. */
export function readBatches(body: Buffer, messageBytesMax: number): Buffer[] {
  const batches = [...batchesIn(body)];
  if (batches.length === 0)
    throw new WireProblem(400, "BAD_REQUEST", "Cannot produce 0 record batches; send at least one");
  for (const [index, batch] of batches.entries()) {
    const fault = producedBatchFault(batch);
    if (fault !== null) throw badBatch(index, fault);
    if (compressionOf(batch) === 0) checkRecords(batch, index, messageBytesMax);
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

const places = new RecordPlaces();

/** Walks the records without making any: those who read them as JSON must not stumble later. */
function checkRecords(bytes: Buffer, batch: number, messageBytesMax: number): void {
  const count = countOf(bytes);
  places.at = HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    const fault = recordFault(bytes, index);
    if (fault !== null) throw badBatch(batch, fault, index);
    if (places.bytes > messageBytesMax + 1024) throw tooLarge(batch, index, places.bytes, messageBytesMax);
  }
  if (places.at !== bytes.length)
    throw badBatch(batch, `${bytes.length - places.at} bytes follow its last record`);
}

function recordFault(bytes: Buffer, index: number): string | null {
  try {
    readPlaces(bytes, places);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
  return places.offsetDelta === index ? null : `its offset delta is ${places.offsetDelta}`;
}

function tooLarge(batch: number, message: number, bytes: number, bytesMax: number): WireProblem {
  const detail =
    `Cannot produce message ${message} of record batch ${batch}: it has ${bytes} bytes, and at most ${bytesMax} are ` +
    "accepted; nothing was stored";
  return new WireProblem(413, "TOO_LARGE", detail, { batch, message, bytes_max: bytesMax });
}
