// Where the parts of a record lie in its batch: the one walk over records that checking, reading and printing them
// share. It makes nothing and copies nothing; records.ts has the layout.
import { type Cursor, readVarint } from "./varint.ts";

/** In the place of a start: the field is null. */
export const NULL_FIELD = -1;

/** The record read last. One object is used again for a whole batch. */
export class RecordPlaces implements Cursor {
  /** Where the next record begins. */
  at = 0;
  timestampDelta = 0;
  offsetDelta = 0;
  keyStart = NULL_FIELD;
  keyEnd = 0;
  valueStart = NULL_FIELD;
  valueEnd = 0;
  headerCount = 0;
  /** Where its first header begins. */
  headersAt = 0;
  /** Without its length field. */
  bytes = 0;
}

/** The shortest record after its length field: six fields of one byte. */
const RECORD_BYTES_MIN = 6;

/** Reads the next record. Throws RangeError, in words, when it does not fit its frame. */
export function readPlaces(bytes: Buffer, places: RecordPlaces): void {
  const length = readVarint(bytes, places, bytes.length);
  const end = places.at + length;
  if (length < RECORD_BYTES_MIN || end > bytes.length)
    throw new RangeError(`it says that it has ${length} bytes`);
  places.bytes = length;
  places.at++;
  places.timestampDelta = readVarint(bytes, places, end);
  places.offsetDelta = readVarint(bytes, places, end);
  places.keyStart = skipField(bytes, places, end);
  places.keyEnd = places.at;
  places.valueStart = skipField(bytes, places, end);
  places.valueEnd = places.at;
  places.headerCount = readVarint(bytes, places, end);
  places.headersAt = places.at;
  if (places.headerCount !== 0) skipHeaders(bytes, places, end);
  if (places.at !== end) throw new RangeError(`${end - places.at} bytes follow its last header`);
}

/** Moves the cursor past a field and returns where its bytes begin, or {@link NULL_FIELD}. */
export function skipField(bytes: Buffer, cursor: Cursor, end: number): number {
  const length = readVarint(bytes, cursor, end);
  if (length === -1) return NULL_FIELD;
  const start = cursor.at;
  if (length < 0 || length > end - start) throw new RangeError(`a field says that it has ${length} bytes`);
  cursor.at = start + length;
  return start;
}

function skipHeaders(bytes: Buffer, places: RecordPlaces, end: number): void {
  const { headerCount } = places;
  if (headerCount < 0 || headerCount > (end - places.at) / 2)
    throw new RangeError(`it claims ${headerCount} headers`);
  for (let i = 0; i < headerCount; i++) {
    if (skipField(bytes, places, end) === NULL_FIELD) throw new RangeError("a header has no key");
    skipField(bytes, places, end);
  }
}
