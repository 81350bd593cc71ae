// Messages in a request's body: one JSON object, an array of them, or one on each line (NDJSON). Read once, strictly,
// from bytes to places in them; the schema that documents the same form is in schemas.ts, and a test holds both together.
//
//   {"key":"alice","value":"1 umbrella","headers":{"trace":"7"},"timestamp_ms":1700000000000}
//   {"key_base64":"…","value_base64":"…","headers_base64":{"name":"…"}}
import type { RecordHeader } from "../records.ts";
import { JsonFault, JsonScanner } from "./json-scanner.ts";
import { MessageTable } from "./message-table.ts";
import { WireProblem } from "./problem.ts";

export type MessageForm = "json" | "lines";

/** More in one request are refused. */
export const MESSAGES_MAX = 100_000;
const HEADERS_MAX = 1000;

const scanner = new JsonScanner();
const table = new MessageTable();

/** What a message of this request has had so far, as bits: nothing may come twice. */
const has = { key: 1, value: 2, headers: 4, headersBase64: 8, timestamp: 16 } as const;
let seen = 0;

/**
 * Reads all messages, or throws a WireProblem that tells which message and which byte. The table is the same each time:
 * it is to be used before the next call. Strings are unescaped in the body itself.
 */
export function readMessages(body: Buffer, form: MessageForm, messageBytesMax: number): MessageTable {
  table.reset(body);
  try {
    scanner.open(body, form === "lines");
    if (form === "lines") readLines(messageBytesMax);
    else if (scanner.peek() === 91) {
      scanner.elements(() => readMessage(messageBytesMax));
      scanner.finish();
    } else {
      readMessage(messageBytesMax);
      scanner.finish();
    }
  } catch (error) {
    throw error instanceof JsonFault ? malformed(error) : error;
  } finally {
    scanner.release();
  }
  if (table.count > 0) return table;
  throw new WireProblem(400, "BAD_REQUEST", "Cannot produce 0 messages; send at least one");
}

function malformed({ byte, message }: JsonFault): WireProblem {
  const index = Math.max(0, table.count - 1);
  const detail = `Cannot read message ${index} of the request: ${message} at byte ${byte}; nothing was stored`;
  return new WireProblem(400, "MALFORMED_JSON", detail, { message: index, byte });
}

function readLines(messageBytesMax: number): void {
  for (;;) {
    const byte = scanner.peek();
    if (byte === -1) return;
    if (byte === 10) {
      scanner.at++;
      continue;
    }
    readMessage(messageBytesMax);
    const after = scanner.peek();
    if (after !== 10 && after !== -1) scanner.fail(`${scanner.shown()} after the end of a message's line`);
  }
}

function readMessage(messageBytesMax: number): void {
  const index = table.add();
  if (index >= MESSAGES_MAX) {
    const detail = `Cannot produce more than ${MESSAGES_MAX} messages in one request; nothing was stored`;
    throw new WireProblem(413, "TOO_LARGE", detail);
  }
  scanner.peek();
  const start = scanner.at;
  seen = 0;
  // Written out rather than by `members`: a call for each field would cost as much as the field.
  scanner.expect(123);
  if (scanner.peek() === 125) scanner.at++;
  else {
    for (;;) {
      scanner.string();
      scanner.expect(58);
      readField(index);
      const byte = scanner.peek();
      if (byte === 44) scanner.at++;
      else if (byte === 125) break;
      else scanner.fail(`${scanner.shown()} where "," or "}" is due`);
    }
    scanner.at++;
  }
  if ((seen & has.value) === 0) scanner.fail('a message without "value" (null is allowed)', start);
  const bytes = scanner.at - start;
  if (bytes > messageBytesMax) checkSize(index, messageBytesMax);
}

/** By its own parts: escapes and base64 take more room on the way than in the log. */
function checkSize(index: number, messageBytesMax: number): void {
  const bytes = table.bytesOf(index);
  if (bytes <= messageBytesMax) return;
  const detail =
    `Cannot produce message ${index} of the request: it has ${bytes} bytes, and at most ${messageBytesMax} are ` +
    "accepted; nothing was stored";
  throw new WireProblem(413, "TOO_LARGE", detail, { message: index, bytes, bytes_max: messageBytesMax });
}

const KEY = Buffer.from("key");
const VALUE = Buffer.from("value");

function readField(index: number): void {
  if (nameIs(VALUE)) readValue(index);
  else if (nameIs(KEY)) readKey(index);
  else readOther(index, scanner.bytes.toString("utf8", scanner.start, scanner.stop));
}

function nameIs(word: Uint8Array): boolean {
  const { start, stop, bytes } = scanner;
  if (stop - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}

function readOther(index: number, name: string): void {
  const nameAt = scanner.start - 1;
  if (name === "value_base64") {
    once(has.value, '"value"');
    base64();
    table.valueStart[index] = scanner.start;
    table.valueEnd[index] = scanner.stop;
  } else if (name === "key_base64") {
    once(has.key, '"key"');
    base64();
    table.keyStart[index] = scanner.start;
    table.keyEnd[index] = scanner.stop;
  } else if (name === "timestamp_ms") readTimestamp(index);
  else if (name === "headers") readHeaders(index, has.headers, text);
  else if (name === "headers_base64") readHeaders(index, has.headersBase64, base64);
  else {
    const known = "key, value, headers, timestamp_ms, key_base64, value_base64 and headers_base64 are known";
    scanner.fail(`an unknown field ${JSON.stringify(name.slice(0, 40))} (${known})`, nameAt);
  }
}

function once(bit: number, name: string): void {
  if ((seen & bit) !== 0) scanner.fail(`a second ${name}`);
  seen |= bit;
}

function readValue(index: number): void {
  once(has.value, '"value"');
  if (scanner.isNull()) return;
  text();
  table.valueStart[index] = scanner.start;
  table.valueEnd[index] = scanner.stop;
}

function readKey(index: number): void {
  once(has.key, '"key"');
  if (scanner.isNull()) return;
  text();
  table.keyStart[index] = scanner.start;
  table.keyEnd[index] = scanner.stop;
}

function text(): void {
  if (scanner.peek() !== 34) scanner.fail(`${scanner.shown()} where text is due`);
  scanner.string();
}

function readTimestamp(index: number): void {
  once(has.timestamp, '"timestamp_ms"');
  const at = scanner.at;
  const number = scanner.number();
  if (!Number.isSafeInteger(number) || Math.abs(number) > 2 ** 48)
    scanner.fail("a time that is no whole number of ms since 1970", at);
  table.timestampMs[index] = number;
  table.isPlain = false;
}

/** Both forms add to the same list. */
function readHeaders(index: number, bit: number, readText: () => void): void {
  once(bit, '"headers"');
  if (scanner.isNull()) return;
  const headers: RecordHeader[] = [...(table.headers[index] ?? [])];
  scanner.members(() => {
    const key = scanner.bytes.toString("utf8", scanner.start, scanner.stop);
    if (headers.length >= HEADERS_MAX) scanner.fail(`more than ${HEADERS_MAX} headers`);
    if (scanner.isNull()) headers.push({ key, value: null });
    else {
      readText();
      headers.push({ key, value: scanner.bytes.subarray(scanner.start, scanner.stop) });
    }
  });
  table.headers[index] = headers;
  table.isPlain = false;
}

/** Decodes in place: three bytes from four characters, nothing but the standard alphabet, padded. */
function base64(): void {
  const at = scanner.at;
  text();
  const { start, stop, bytes } = scanner;
  const padding = bytes[stop - 1] !== 61 ? 0 : bytes[stop - 2] !== 61 ? 1 : 2;
  let isSound = (stop - start) % 4 === 0;
  for (let i = start; isSound && i < stop - padding; i++) isSound = isBase64Byte(bytes[i] as number);
  if (!isSound) scanner.fail("text that is not base64 (RFC 4648 section 4, with padding)", at);
  if (stop > start)
    scanner.stop = start + bytes.write(bytes.toString("latin1", start, stop), start, "base64");
}

function isBase64Byte(byte: number): boolean {
  const lower = byte | 32;
  return (lower >= 97 && lower <= 122) || (byte >= 48 && byte <= 57) || byte === 43 || byte === 47;
}
