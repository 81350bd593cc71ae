// Messages as lines of JSON, as `roundhouse produce` reads and `roundhouse consume` writes them; the same form as the
// HTTP API's:  {"key":"alice","value":"1 umbrella","headers":{"trace":"7"},"timestamp_ms":1700000000000}
// Bytes that are no UTF-8 text are under key_base64, value_base64 and headers_base64.
import { isUtf8 } from "node:buffer";
import { RoundhouseError } from "../errors.ts";
import type { Message, NewMessage } from "../queue/message.ts";

const fields = new Set([
  "key",
  "key_base64",
  "value",
  "value_base64",
  "headers",
  "headers_base64",
  "timestamp_ms",
  // What `consume` adds: it may be produced again as it is.
  "topic",
  "shard",
  "offset",
]);

/** Throws BAD_REQUEST that names the line. */
export function parseMessageLine(line: string, number: number): NewMessage {
  const wrong = (what: string) =>
    new RoundhouseError("BAD_REQUEST", `Cannot read line ${number} as a message: ${what}`, {
      source: "downstream",
    });
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(line) as Record<string, unknown>;
  } catch (error) {
    throw wrong(`${(error as Error).message}. For plain text, use --text`);
  }
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw wrong('a JSON object is expected, such as {"key":"alice","value":"1 umbrella"}');
  }
  const stranger = Object.keys(given).find((field) => !fields.has(field));
  if (stranger !== undefined) throw wrong(`unknown field "${stranger}"; known are ${[...fields].join(", ")}`);
  const part = (name: string): string | Buffer | null | undefined => {
    const text = given[name];
    const base64 = given[`${name}_base64`];
    if (text !== undefined && base64 !== undefined)
      throw wrong(`"${name}" is there twice, as text and as base64`);
    if (typeof base64 === "string") return Buffer.from(base64, "base64");
    if (base64 !== undefined) throw wrong(`"${name}_base64" is no text`);
    if (text !== undefined && text !== null && typeof text !== "string") throw wrong(`"${name}" is no text`);
    return text;
  };
  const value = part("value");
  if (value === undefined) throw wrong('there is no "value"');
  const key = part("key") ?? undefined;
  const { timestamp_ms: timestampMs } = given;
  if (timestampMs !== undefined && !Number.isSafeInteger(timestampMs))
    throw wrong('"timestamp_ms" is no whole number');
  return {
    value,
    ...(key === undefined ? {} : { key }),
    ...(timestampMs === undefined ? {} : { timestampMs: Number(timestampMs) }),
    headers: {
      ...headersOf(given.headers, "utf8", wrong),
      ...headersOf(given.headers_base64, "base64", wrong),
    },
  };
}

function headersOf(
  given: unknown,
  encoding: "utf8" | "base64",
  wrong: (what: string) => RoundhouseError,
): Record<string, Buffer | null> {
  if (given === undefined || given === null) return {};
  if (typeof given !== "object" || Array.isArray(given)) throw wrong("its headers are no object");
  const parsed = Object.entries(given).map(([name, text]) => {
    if (text !== null && typeof text !== "string") throw wrong(`header "${name}" is no text`);
    return [name, text === null ? null : Buffer.from(text, encoding)] as const;
  });
  return Object.fromEntries(parsed);
}

export function messageLine({ shard, offset, timestampMs, key, value, headers }: Message): string {
  const texts: Record<string, string | null> = {};
  const base64: Record<string, string> = {};
  for (const [name, content] of headers) {
    if (content === null || isUtf8(content)) texts[name] = content === null ? null : content.toString();
    else base64[name] = content.toString("base64");
  }
  return JSON.stringify({
    shard,
    offset,
    timestamp_ms: timestampMs,
    ...(key === null ? {} : bytesField("key", key)),
    ...(value === null ? { value: null } : bytesField("value", value)),
    ...(Object.keys(texts).length === 0 ? {} : { headers: texts }),
    ...(Object.keys(base64).length === 0 ? {} : { headers_base64: base64 }),
  });
}

function bytesField(name: string, bytes: Buffer): Record<string, string> {
  return isUtf8(bytes) ? { [name]: bytes.toString() } : { [`${name}_base64`]: bytes.toString("base64") };
}
