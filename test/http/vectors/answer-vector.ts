// What an answer vector is: bytes that an upstream sends, and what a client may see of them.
import type { Level } from "./vector.ts";

export type AnswerExpectation =
  /** The client sees this answer, complete. */
  | {
      readonly kind: "passed";
      readonly status: number;
      /** `name: value` in order, without Date, Via, Connection, X-Request-Id and the framing fields. */
      readonly fields: readonly string[];
      readonly body: string;
      readonly trailers: readonly string[];
      /** Codes of the 1xx answers before it. */
      readonly interims: readonly number[];
      /** Whether the upstream's connection serves the next request. */
      readonly reused: boolean | "either";
    }
  /** The client sees our 502 and nothing of this answer; the upstream's connection is not used again. */
  | { readonly kind: "badGateway" }
  /** Either our 502, or a beginning whose end is visibly missing; the connection is not used again. */
  | { readonly kind: "cutOff" }
  | { readonly kind: "oneOf"; readonly choices: readonly AnswerExpectation[] };

/** What the upstream does after the bytes. */
export type Finish = "open" | "fin" | "reset";

export interface AnswerVector {
  readonly id: string;
  readonly rfc: string;
  readonly level: Level;
  readonly why: string;
  /** Sent by the upstream, one character a byte. */
  readonly answer: string;
  readonly finish: Finish;
  /** `GET`, or for example `HEAD` or `GET/1.0`. */
  readonly request: string;
  readonly expect: AnswerExpectation;
}

export function answerVector(
  id: string,
  rule: string,
  why: string,
  answer: string,
  expect: AnswerExpectation,
  finish: Finish = "open",
  request = "GET",
): AnswerVector {
  const [, rfc, level] = /^(.+) (MUST|SHOULD|MAY|ours)$/.exec(rule) ?? [];
  if (rfc === undefined)
    throw new TypeError(`Vector "${id}" has the rule "${rule}"; expected "9112 §6.3 MUST"`);
  return { id, rfc, level: level as Level, why, answer, finish, request, expect };
}

type Passed = Extract<AnswerExpectation, { kind: "passed" }>;

/** The answer as it is, and the upstream's connection kept. */
export const passed = (body: string, options: Partial<Omit<Passed, "kind">> = {}): AnswerExpectation => ({
  kind: "passed",
  status: 200,
  fields: [],
  body,
  trailers: [],
  interims: [],
  reused: true,
  ...options,
});
export const badGateway: AnswerExpectation = { kind: "badGateway" };
export const cutOff: AnswerExpectation = { kind: "cutOff" };
export const oneOf = (...choices: AnswerExpectation[]): AnswerExpectation => ({ kind: "oneOf", choices });

/** 200 with these field lines and this body, whatever they say about each other. */
export const ok = (body: string, ...fields: string[]): string =>
  `${["HTTP/1.1 200 OK", ...fields].join("\r\n")}\r\n\r\n${body}`;
