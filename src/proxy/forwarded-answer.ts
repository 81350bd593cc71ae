// The head that goes to the client: the upstream's own bytes where nothing has to change.
import type { AnswerHead } from "../http/answer-head.ts";
import { field } from "../http/fields.ts";
import { leftOutOfAnswers } from "./header-policy.ts";
import { clock } from "./sweep.ts";

/**
 * `text` is the head as latin1, from `head.start`, and what is to go along behind it; `added` are lines of ours. Where
 * nothing is added, the last slice holds the head's end and the body in one.
 */
export function forwardedAnswer(text: string, head: AnswerHead, added: string): string {
  const { fields, code } = head;
  const { nameStart, id, count } = fields;
  const base = head.start;
  const blankLine = head.end - 2 - base;
  const bodyless = code < 200 || code === 204;
  let out = "";
  let from = 0;
  if (text.charCodeAt(7) !== 49 || head.reasonStart !== base + 13) {
    out = `HTTP/1.1 ${code} ${text.slice(head.reasonStart - base, head.reasonEnd - base)}\r\n`;
    from = head.fieldsStart - base;
  }
  for (let index = 0; index < count; index++) {
    const kind = id[index] as number;
    if (kind === field.other) continue;
    if (leftOutOfAnswers[kind] !== 1 && !(bodyless && kind === field.contentLength)) continue;
    const lineStart = (nameStart[index] as number) - base;
    if (lineStart > from) out += text.slice(from, lineStart);
    from = index + 1 < count ? (nameStart[index + 1] as number) - base : blankLine;
  }
  const dated = head.hasDate || code < 200; // RFC 9110 section 6.6.1
  if (dated && added === "") return out + text.slice(from);
  out += text.slice(from, blankLine);
  return (dated ? out + added : `${out}Date: ${clock.httpDate}\r\n${added}`) + text.slice(blankLine);
}

/** The lines that this hop adds to a final answer. */
export function addedLines(
  chunked: boolean,
  close: boolean,
  keepAliveSaid: boolean,
  setCookie: string | undefined,
): string {
  let out = chunked ? "Transfer-Encoding: chunked\r\n" : "";
  if (setCookie !== undefined) out += `Set-Cookie: ${setCookie}\r\n`;
  if (close) return `${out}Connection: close\r\n`;
  return keepAliveSaid ? `${out}Connection: keep-alive\r\n` : out;
}
