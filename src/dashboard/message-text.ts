// A key or value of a message as people read it: JSON set out in lines, text as it is, other bytes in hexadecimal. Pure.
import { visible } from "./visible-text.ts";

export interface Shown {
  readonly kind: "nothing" | "JSON" | "text" | "binary";
  readonly text: string;
  /** Length of the original in bytes. */
  readonly bytes: number;
}

/** More bytes than that are not set out. */
const binaryBytesMax = 4_096;
/** More characters than that are not shown: tens of thousands of lines would hold the page up for seconds. */
const textCharsMax = 65_536;

/** @param text as it is stored; null: a tombstone. Undefined: it is not text, and `base64` has it */
export function shown(text: string | null | undefined, base64: string | undefined): Shown {
  if (base64 !== undefined) return binary(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
  if (text === null || text === undefined) return { kind: "nothing", text: "", bytes: 0 };
  const bytes = new TextEncoder().encode(text).length;
  const json = prettyJson(text);
  return json === null
    ? { kind: "text", text: clipped(text), bytes }
    : { kind: "JSON", text: clipped(json), bytes };
}

function clipped(text: string): string {
  const rest = text.length - textCharsMax;
  return rest <= 0 ? visible(text) : `${visible(text.slice(0, textCharsMax))}\n… ${rest} more characters`;
}

/** One line of it, for a table. */
export function preview(text: string | null | undefined, base64: string | undefined): string {
  if (base64 !== undefined) {
    const bytes = Array.from(atob(base64).slice(0, 24), (char) => hex(char.charCodeAt(0)));
    return bytes.join(" ");
  }
  return visible((text ?? "").slice(0, 200).replace(/[ \t\r\n]+/g, " "));
}

/** Null: it is not JSON, or a bare word or number, which says nothing more when it is set out. */
function prettyJson(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    JSON.parse(text);
    return setOut(text);
  } catch {
    return null;
  }
}

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/**
 * Only the space between the tokens changes: what JSON.parse would lose is seen as it is stored, such as long numbers,
 * a name that occurs twice, and the order of names.
 */
function setOut(text: string): string {
  const out: string[] = [];
  let depth = 0;
  let before = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const token of text.match(tokens) ?? []) {
    const opened = before === "{" || before === "[";
    if (token === "}" || token === "]") {
      depth -= 1;
      if (!opened) out.push(line());
    } else if (opened || before === ",") out.push(line());
    if (token === "{" || token === "[") depth += 1;
    out.push(token === ":" ? ": " : token);
    before = token;
  }
  return out.join("");
}

function binary(all: Uint8Array): Shown {
  const bytes = all.subarray(0, binaryBytesMax);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(hexLine(bytes.subarray(at, at + 16), at));
  if (all.length > bytes.length) lines.push(`… ${all.length - bytes.length} more bytes`);
  return { kind: "binary", text: lines.join("\n"), bytes: all.length };
}

/** `00000010  de ad be ef …  ....` */
function hexLine(bytes: Uint8Array, at: number): string {
  const numbers = Array.from(bytes, hex).join(" ").padEnd(47);
  const letters = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".",
  );
  return `${at.toString(16).padStart(8, "0")}  ${numbers}  ${letters.join("")}`;
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");
