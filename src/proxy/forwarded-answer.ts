// The head that goes to the client: the upstream's own bytes where nothing has to change.
import { type AnswerHead, isPlainAnswer, type KnownAnswer } from "../http/answer-head.ts";
import { field } from "../http/fields.ts";
import type { HeadMemory } from "../http/head-memory.ts";
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

/** The last answer head of an upstream that was forwarded with nothing added but what {@link addedLines} may add. */
export interface ForwardedAnswer extends KnownAnswer {
  /** What goes on of it, without the blank line, and with it. */
  readonly lines: string;
  readonly head: string;
}

/** What an upstream's connections remember of its answers. */
export type AnswerMemory = HeadMemory<ForwardedAnswer>;

/** The same head as last time. */
export function forwardedKnownAnswer(known: ForwardedAnswer, added: string): string {
  return added === "" ? known.head : `${known.lines}${added}\r\n`;
}

/** Remembers this head, `text` as latin1, if it is one that may be recalled. */
export function rememberAnswer(text: string, head: AnswerHead, memory: AnswerMemory): void {
  if (!isPlainAnswer(head) || !memory.isDue(head.end - head.start)) return;
  const received = Buffer.from(text.slice(0, head.end - head.start), "latin1");
  const forwarded = Buffer.from(forwardedAnswer(received.toString("latin1"), head, ""), "latin1").toString(
    "latin1",
  );
  memory.remember({
    bytes: received,
    code: head.code,
    versionMinor: head.versionMinor,
    bodyBytes: head.body.length,
    close: head.connection.close,
    keepAlive: head.connection.keepAlive,
    keepAliveTimeoutS: head.keepAliveTimeoutS,
    lines: forwarded.slice(0, -2),
    head: forwarded,
  });
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
