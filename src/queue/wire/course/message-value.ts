// A message's value on its way into a record and out again: text lies there as it is, any other JSON value as its text
// with a mark, so that it comes out as it went in.
import type { StoredRecord } from "../../records.ts";

/** On a message whose JSON value is not text. */
const JSON_HEADER = "json";

export function recordOf(message: unknown) {
  if (typeof message === "string") return { value: Buffer.from(message), headers: [] };
  return { value: Buffer.from(JSON.stringify(message)), headers: [{ key: JSON_HEADER, value: null }] };
}

export function messageIn({ value, headers }: StoredRecord): unknown {
  if (value === null) return null;
  const text = value.toString();
  return headers.some((header) => header.key === JSON_HEADER) ? JSON.parse(text) : text;
}
