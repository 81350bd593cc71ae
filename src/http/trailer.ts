// The trailer section that may end a chunked body (RFC 9110 section 6.5): checked like a header section, and rid of
// what must not come that late: framing, routing, connection control, credentials.
import { createFieldTable, field, parseFields, refused } from "./fields.ts";

const fieldsMax = 32;
const table = createFieldTable(fieldsMax);

/** Names that would change how the message is read or trusted if a server merged trailers into the header. */
const forbidden = new Set([
  "authorization",
  "cache-control",
  "content-encoding",
  "content-range",
  "content-type",
  "cookie",
  "max-forwards",
  "pragma",
  "set-cookie",
  "proxy-authenticate",
  "www-authenticate",
]);

/** The lines to forward, each with its CR LF; null when the section is malformed. */
export function forwardedTrailer(raw: string): string | null {
  if (raw === "\r\n") return "";
  const bytes = Buffer.from(raw, "latin1");
  if (parseFields(bytes, 0, bytes.length, table) === refused) return null;
  let kept = "";
  for (let index = 0; index < table.count; index++) {
    const name = raw.slice(table.nameStart[index], table.nameEnd[index]);
    if (table.id[index] !== field.other || forbidden.has(name.toLowerCase())) continue;
    kept += `${name}: ${raw.slice(table.valueStart[index], table.valueEnd[index])}\r\n`;
  }
  return kept;
}
