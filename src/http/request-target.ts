// What a request is for: its target, and the authority that stands in it or in Host.
import { byteClass, hostByte } from "./bytes.ts";
import { no, type RequestHead } from "./request-head.ts";

// RFC 9112 section 3.2: origin-form, absolute-form (whose authority then replaces Host), `*` with OPTIONS.
export function readTarget(bytes: Buffer, head: RequestHead): boolean {
  const first = bytes[head.targetStart];
  head.absoluteForm = false;
  head.targetLacksSlash = false;
  head.hostStart = 0;
  head.hostEnd = 0;
  if (first === 47) return true;
  if (first === 42 && head.targetEnd - head.targetStart === 1) {
    return head.method === "OPTIONS" || no(head, 400, "the target `*` belongs to OPTIONS alone");
  }
  return readAbsoluteTarget(bytes, head);
}

function readAbsoluteTarget(bytes: Buffer, head: RequestHead): boolean {
  const { targetStart, targetEnd } = head;
  const scheme = bytes.toString("latin1", targetStart, Math.min(targetEnd, targetStart + 8)).toLowerCase();
  const skipped = scheme.startsWith("http://") ? 7 : scheme === "https://" ? 8 : 0;
  if (skipped === 0)
    return no(head, 400, "a target that begins neither with `/` nor with http:// or https://");
  let at = targetStart + skipped;
  head.hostStart = at;
  while (at < targetEnd && bytes[at] !== 47 && bytes[at] !== 63) at++;
  head.hostEnd = at;
  head.absoluteForm = true;
  head.lineIsOrdinary = false;
  head.targetStart = at;
  head.targetLacksSlash = at === targetEnd || bytes[at] === 63;
  return (
    isHost(bytes, head.hostStart, at) || no(head, 400, "the target's authority is not host or host:port")
  );
}

// uri-host [ ":" port ]: a name, an IPv4 address, or an IPv6 address in brackets.
export function isHost(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  if (bytes[at] === 91 && at < end) {
    while (at < end && bytes[at] !== 93) at++;
    if (at >= end || at - start < 3) return false;
    for (let inside = start + 1; inside < at; inside++)
      if (!isAddressByte(bytes[inside] as number)) return false;
    at++;
    if (at < end && bytes[at] !== 58) return false;
  } else {
    while (at < end && bytes[at] !== 58) {
      const byte = bytes[at] as number;
      if (((byteClass[byte] as number) & hostByte) === 0 || byte === 91 || byte === 93) return false;
      at++;
    }
  }
  if (at === start) return false;
  for (let digit = at + 1; digit < end; digit++) {
    if ((bytes[digit] as number) < 48 || (bytes[digit] as number) > 57) return false;
  }
  return end - at <= 6;
}

/** Hexadecimal digits, colons and dots: an IPv6 address, perhaps with an IPv4 one at its end. */
function isAddressByte(byte: number): boolean {
  const lower = byte | 32;
  return (byte >= 46 && byte <= 58 && byte !== 47) || (lower >= 97 && lower <= 102);
}
