// The chunked coding (RFC 9112 section 7.1), read as a stream: bytes go in as they come, the data's places come
// out, and everything between them is checked and dropped (extensions too). A forwarder writes chunks of its own,
// so a sender's odd framing never travels on.
import { byteClass, CR, HTAB, hexValue, LF, SP, shownByte, tokenByte, valueByte } from "./bytes.ts";

// Where the reader is. The first four follow each chunk; ext* are the parts of a chunk extension.
const size0 = 0; // a chunk's first size digit
const size = 1;
const data = 2;
const dataCR = 3;
const dataLF = 4;
const sizeLF = 5;
const extBefore = 6; // white space before `;`
const extNameStart = 7;
const extName = 8;
const extAfterName = 9;
const extValueStart = 10;
const extToken = 11;
const extQuoted = 12;
const extEscaped = 13;
const extAfterValue = 14;
const trailerStart = 15; // at the beginning of a trailer line
const trailerLine = 16;
const trailerLF = 17;
const endLF = 18;
const done = 19;

/** As many as 64 bits take, for senders that fill up with zeros; the value itself must be countable exactly. */
const sizeDigitsMax = 16;
/** Of all extensions of one body together: they are legal, useless, and cost time. */
const extensionBytesMax = 16 * 1024;

export interface ChunkedReader {
  state: number;
  left: number;
  digits: number;
  extensionBytes: number;
  /** Raw trailer section, CR LF after every line, without the blank line. */
  trailer: string;
  /** Set by {@link readChunked}: where data lies in the bytes just read, start and end in turn. */
  readonly segments: number[];
  /** Sum of the segments' lengths. */
  dataBytes: number;
  problem: string;
}

export function createChunkedReader(): ChunkedReader {
  return {
    state: size0,
    left: 0,
    digits: 0,
    extensionBytes: 0,
    trailer: "",
    segments: [],
    dataBytes: 0,
    problem: "",
  };
}

export function resetChunkedReader(reader: ChunkedReader): void {
  reader.state = size0;
  reader.left = 0;
  reader.digits = 0;
  reader.extensionBytes = 0;
  reader.trailer = "";
}

export function chunkedIsDone(reader: ChunkedReader): boolean {
  return reader.state === done;
}

/**
 * Reads on: the offset up to which the bytes belong to this body (less than `end` only when it is done), or −1 when
 * it is malformed (`reader.problem`).
 */
export function readChunked(
  reader: ChunkedReader,
  bytes: Buffer,
  start: number,
  end: number,
  trailerBytesMax: number,
): number {
  reader.segments.length = 0;
  reader.dataBytes = 0;
  let at = start;
  while (at < end && reader.state !== done) {
    if (reader.state === data) at = readData(reader, at, end);
    else if (reader.state >= trailerStart) at = readTrailer(reader, bytes, at, end, trailerBytesMax);
    else if (!step(reader, bytes[at++] as number)) return -1;
    if (at < 0) return -1;
  }
  return at;
}

function readData(reader: ChunkedReader, start: number, end: number): number {
  const upTo = Math.min(end, start + reader.left);
  reader.segments.push(start, upTo);
  reader.dataBytes += upTo - start;
  reader.left -= upTo - start;
  if (reader.left === 0) reader.state = dataCR;
  return upTo;
}

function malformed(reader: ChunkedReader, problem: string): false {
  reader.problem = problem;
  return false;
}

/** One byte of a chunk's size line or of the line end after its data. */
function step(reader: ChunkedReader, byte: number): boolean {
  switch (reader.state) {
    case size0:
    case size:
      return stepSize(reader, byte);
    case sizeLF:
      if (byte !== LF) return malformed(reader, "a bare CR in a chunk-size line");
      reader.state = reader.left === 0 ? trailerStart : data;
      reader.digits = 0;
      return true;
    case dataCR:
      if (byte !== CR) return malformed(reader, "no CR LF after a chunk's data");
      reader.state = dataLF;
      return true;
    case dataLF:
      if (byte !== LF) return malformed(reader, "no CR LF after a chunk's data");
      reader.state = size0;
      return true;
    default:
      if (++reader.extensionBytes > extensionBytesMax) {
        return malformed(reader, `more than ${extensionBytesMax} bytes of chunk extensions`);
      }
      return stepExtension(reader, byte);
  }
}

function stepSize(reader: ChunkedReader, byte: number): boolean {
  const digit = hexValue(byte);
  if (digit >= 0) {
    if (reader.state === size0) reader.left = 0;
    reader.left = reader.left * 16 + digit;
    if (++reader.digits > sizeDigitsMax || reader.left > Number.MAX_SAFE_INTEGER)
      return malformed(reader, "a chunk size of more than 16 digits, or beyond 2^53");
    reader.state = size;
    return true;
  }
  if (reader.state === size0) return malformed(reader, `${shownByte(byte)} where a chunk size is due`);
  return endToken(reader, byte) || malformed(reader, `${shownByte(byte)} in a chunk size`);
}

/** What may follow a size, a name or a value: the line's end, another extension, or white space before one. */
function endToken(reader: ChunkedReader, byte: number): boolean {
  if (byte === CR) reader.state = sizeLF;
  else if (byte === 59) reader.state = extNameStart;
  else if (byte === SP || byte === HTAB) reader.state = extBefore;
  else return false;
  return true;
}

// *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
function stepExtension(reader: ChunkedReader, byte: number): boolean {
  const isToken = ((byteClass[byte] as number) & tokenByte) !== 0;
  const isSpace = byte === SP || byte === HTAB;
  let next = -1;
  switch (reader.state) {
    case extBefore:
      next = isSpace ? extBefore : byte === 59 ? extNameStart : -1;
      break;
    case extNameStart:
      next = isSpace ? extNameStart : isToken ? extName : -1;
      break;
    case extName:
      next = isToken ? extName : isSpace ? extAfterName : afterName(byte);
      break;
    case extAfterName:
      next = isSpace ? extAfterName : byte === CR ? -1 : afterName(byte);
      break;
    case extValueStart:
      next = isSpace ? extValueStart : byte === 34 ? extQuoted : isToken ? extToken : -1;
      break;
    case extToken:
      next = isToken ? extToken : afterValue(byte);
      break;
    case extQuoted:
      next =
        byte === 34
          ? extAfterValue
          : byte === 92
            ? extEscaped
            : ((byteClass[byte] as number) & valueByte) !== 0
              ? extQuoted
              : -1;
      break;
    case extEscaped:
      next = ((byteClass[byte] as number) & valueByte) !== 0 ? extQuoted : -1;
      break;
    case extAfterValue:
      next = afterValue(byte);
      break;
  }
  if (next < 0) return malformed(reader, `${shownByte(byte)} in a chunk extension`);
  reader.state = next;
  return true;
}

function afterName(byte: number): number {
  return byte === 61 ? extValueStart : byte === 59 ? extNameStart : byte === CR ? sizeLF : -1;
}

function afterValue(byte: number): number {
  return byte === 59 ? extNameStart : byte === CR ? sizeLF : byte === SP || byte === HTAB ? extBefore : -1;
}

/** Collects the trailer section; its lines are checked as fields by whoever forwards them. */
function readTrailer(
  reader: ChunkedReader,
  bytes: Buffer,
  start: number,
  end: number,
  bytesMax: number,
): number {
  let at = start;
  while (at < end && reader.state !== done) {
    const byte = bytes[at++] as number;
    if (reader.state === trailerStart) reader.state = byte === CR ? endLF : byte === LF ? -1 : trailerLine;
    else if (reader.state === trailerLine)
      reader.state = byte === CR ? trailerLF : byte === LF ? -1 : trailerLine;
    else if (reader.state === trailerLF) reader.state = byte === LF ? trailerStart : -1;
    else reader.state = byte === LF ? done : -1;
    if (reader.state === -1) {
      malformed(reader, "a line of the trailer section that does not end with CR LF");
      return -1;
    }
  }
  reader.trailer += bytes.toString("latin1", start, at);
  if (reader.trailer.length > bytesMax) {
    malformed(reader, `a trailer section longer than ${bytesMax} bytes`);
    return -1;
  }
  return at;
}

/** The data just read as one chunk with a size line of our own. */
export function asOneChunk(reader: ChunkedReader, bytes: Buffer): Buffer {
  const sizeLine = `${reader.dataBytes.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(sizeLine.length + reader.dataBytes + 2);
  let at = chunk.write(sizeLine, "latin1");
  at = copyData(reader, bytes, chunk, at);
  chunk[at] = CR;
  chunk[at + 1] = LF;
  return chunk;
}

/** The data just read, alone. */
export function asPlainData(reader: ChunkedReader, bytes: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(reader.dataBytes);
  copyData(reader, bytes, plain, 0);
  return plain;
}

function copyData(reader: ChunkedReader, bytes: Buffer, into: Buffer, from: number): number {
  let at = from;
  const { segments } = reader;
  for (let i = 0; i < segments.length; i += 2) {
    at += bytes.copy(into, at, segments[i] as number, segments[i + 1] as number);
  }
  return at;
}
