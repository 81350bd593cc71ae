// Compressed record batches. The queue stores them as they came; only where single records are needed (JSON, browsing,
// work mode) is a batch opened, and only those codecs that Node itself has can be.
import zlib from "node:zlib";
import { RoundhouseError } from "../errors.ts";

/** Bits 0–2 of a batch's attributes. */
type Compression = "none" | "gzip" | "snappy" | "lz4" | "zstd";

/** Codecs by their number in the attributes; 5–7 are unassigned. */
const COMPRESSIONS: readonly Compression[] = ["none", "gzip", "snappy", "lz4", "zstd"];

/** An opened batch larger than this is refused: a few compressed bytes may unfold to gigabytes. */
const OPENED_BYTES_MAX = 64 * 1024 * 1024;

/** Node has zstd from 22.15 on; the types of an older one do not name it. */
const zstd = zlib as {
  readonly zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;
};

/**
 * The records' bytes of a batch, opened. Throws RoundhouseError: COMPRESSION_UNSUPPORTED for a codec that this Node
 * lacks, BAD_BATCH for bytes that the codec refuses or that unfold to more than 64 MiB.
 */
export function openRecords(bytes: Buffer, codec: number): Buffer {
  const name = COMPRESSIONS[codec];
  if (name === "none") return bytes;
  const open = opener(name);
  if (open === undefined) throw unsupported(name ?? `number ${codec}`);
  try {
    return open(bytes, { maxOutputLength: OPENED_BYTES_MAX });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RoundhouseError("BAD_BATCH", `Cannot open a ${name} batch of ${bytes.length} bytes: ${why}`, {
      source: "downstream",
      cause,
    });
  }
}

function opener(name: Compression | undefined) {
  if (name === "gzip") return zlib.gunzipSync;
  if (name === "zstd") return zstd.zstdDecompressSync;
  return undefined;
}

function unsupported(name: string): RoundhouseError {
  const known =
    zstd.zstdDecompressSync === undefined ? "gzip (and zstd from Node 22.15 on)" : "gzip and zstd";
  return new RoundhouseError(
    "COMPRESSION_UNSUPPORTED",
    `Cannot open a batch compressed with ${name}: only ${known} can be opened here; ` +
      "fetch it as raw record batches, or produce with another codec",
    { source: "downstream" },
  );
}
