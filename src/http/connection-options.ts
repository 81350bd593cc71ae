// The Connection field (RFC 9110 section 7.6.1): what it says about this connection, and which other fields it
// names, so that they end at this hop.
import { byteClass, HTAB, SP, tokenByte } from "./bytes.ts";
import { equalsIgnoringCase, type FieldTable, field } from "./fields.ts";

export interface ConnectionOptions {
  close: boolean;
  keepAlive: boolean;
  upgrade: boolean;
}

/** Honest messages have one to three; more only cost time, each being compared with every field. */
const optionsMax = 32;
const COMMA = 44;

/** Reads every Connection field of the table and marks the fields it names. False: malformed. */
export function readConnectionOptions(
  bytes: Uint8Array,
  table: FieldTable,
  into: ConnectionOptions,
): boolean {
  let options = 0;
  for (let index = 0; index < table.count; index++) {
    if (table.id[index] !== field.connection) continue;
    const end = table.valueEnd[index] as number;
    let at = table.valueStart[index] as number;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte === COMMA || byte === SP || byte === HTAB) {
        at++;
        continue;
      }
      const start = at;
      while (at < end && ((byteClass[bytes[at] as number] as number) & tokenByte) !== 0) at++;
      if (at === start || !endsOption(bytes, at, end) || ++options > optionsMax) return false;
      readOption(bytes, start, at, table, into);
    }
  }
  return true;
}

/** After an option comes a comma or the end, with white space before it at most. */
function endsOption(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from;
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  return at === end || bytes[at] === COMMA;
}

function readOption(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: FieldTable,
  into: ConnectionOptions,
): void {
  if (equalsIgnoringCase(bytes, start, end, "close")) into.close = true;
  else if (equalsIgnoringCase(bytes, start, end, "keep-alive")) into.keepAlive = true;
  else if (equalsIgnoringCase(bytes, start, end, "upgrade")) into.upgrade = true;
  else markNominated(bytes, start, end, table);
}

/**
 * Fields that framing, routing or trust rest on are never removed at a sender's bidding: `Connection: host` or
 * `Connection: x-forwarded-for` would otherwise let a client choose what the next server believes.
 */
function markNominated(bytes: Uint8Array, start: number, end: number, table: FieldTable): void {
  for (let index = 0; index < table.count; index++) {
    const nameStart = table.nameStart[index] as number;
    if ((table.nameEnd[index] as number) - nameStart !== end - start) continue;
    const id = table.id[index] as number;
    const removable = id === field.other || id === field.underscore || id >= field.date;
    if (removable && sameName(bytes, nameStart, start, end - start)) table.id[index] = field.nominated;
  }
}

function sameName(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (((bytes[a + i] as number) | 32) !== ((bytes[b + i] as number) | 32)) return false;
  }
  return true;
}
