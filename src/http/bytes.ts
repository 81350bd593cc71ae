// What each byte may be in an HTTP/1.1 head, as one table: a byte's class is a set of bits. No strings here.

/** RFC 9110 section 5.6.2: `tchar`. Method, field names, connection options. */
export const tokenByte = 1;
/** RFC 9110 section 5.5: what a field value may hold: HTAB, SP, VCHAR, obs-text. No CR, LF, NUL, DEL. */
export const valueByte = 2;
/**
 * A request target: visible ASCII but `"`, `#`, `<`, `>` and `\`. RFC 3986 also forbids `[ ] ^ { | }` and the
 * back quote, yet browsers send them in queries, and no server reads them as anything else.
 */
export const targetByte = 4;
/** The same and `\`: browsers leave it as it is in a query (WHATWG URL, query percent-encode set), never in a path. */
export const queryByte = 16;
/** Host and authority: RFC 3986 unreserved, sub-delims without the comma (a list is no host), `%`, `:`, `[`, `]`. */
export const hostByte = 8;

export const byteClass = makeTable();

function makeTable(): Uint8Array {
  const table = new Uint8Array(256);
  const add = (bit: number, characters: string) => {
    for (const character of characters) {
      const code = character.charCodeAt(0);
      table[code] = (table[code] as number) | bit;
    }
  };
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const digits = "0123456789";
  add(tokenByte, `${letters}${digits}!#$%&'*+-.^_\`|~`);
  add(hostByte, `${letters}${digits}-._~!$&'()*+;=%:[]`);
  for (let code = 0x21; code <= 0x7e; code++) {
    add(valueByte, String.fromCharCode(code));
    if (!`"#<>\\`.includes(String.fromCharCode(code))) add(targetByte | queryByte, String.fromCharCode(code));
  }
  add(valueByte, "\t ");
  add(queryByte, "\\");
  for (let code = 0x80; code <= 0xff; code++) add(valueByte, String.fromCharCode(code));
  return table;
}

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const DEL = 127;
export const COLON = 58;
export const UNDERSCORE = 95;
export const BACKSLASH = 92;
export const QUESTION_MARK = 63;

/** The value of a hexadecimal digit, or −1. */
export function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** A byte as it may be shown in an error message. */
export function shownByte(byte: number): string {
  return byte > 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `byte 0x${byte.toString(16).padStart(2, "0")}`;
}
