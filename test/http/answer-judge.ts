// Compares what a client saw of an answer with what an answer vector expects.
import { type Answers, type Message, statusOf } from "./strict.ts";
import type { AnswerExpectation, AnswerVector } from "./vectors/answer-vector.ts";

export interface AnswerOutcome {
  /** What the client got for the vector's request. */
  readonly answers: Answers;
  readonly reset: boolean;
  /** The probe behind it was served on the same upstream connection. */
  readonly reused: boolean;
  /** What the probe got: always `ok`. */
  readonly probe: string;
  readonly stuck: boolean;
}

export function answerComplaints(
  { expect, request }: Pick<AnswerVector, "expect" | "request">,
  outcome: AnswerOutcome,
): string[] {
  const complaints = against(expect, outcome);
  const { answers, probe, stuck } = outcome;
  if (stuck) complaints.push("the exchange came to no rest");
  if (answers.fault) complaints.push(`reached the client: ${answers.fault}`);
  if (probe !== "HTTP/1.1 200 OK: ok") complaints.push(`the next request got ${probe}`);
  if (request.endsWith("/1.0") && answers.finals.some(({ framing }) => framing === "chunked"))
    complaints.push("an HTTP/1.0 client got chunks");
  return complaints;
}

function against(expect: AnswerExpectation, outcome: AnswerOutcome): string[] {
  if (expect.kind === "oneOf") {
    const all = expect.choices.map((choice) => against(choice, outcome));
    return all.some((list) => list.length === 0) ? [] : all.map((list) => list.join("; "));
  }
  if (expect.kind === "passed") return passedComplaints(expect, outcome);
  const complaints = outcome.reused ? ["the upstream's connection was used again"] : [];
  if (isBadGateway(outcome) || (expect.kind === "cutOff" && isCutOff(outcome))) return complaints;
  return [...complaints, `the client saw ${shown(outcome)}, expected ${expect.kind}`];
}

function passedComplaints(
  expect: Extract<AnswerExpectation, { kind: "passed" }>,
  outcome: AnswerOutcome,
): string[] {
  const { finals, interims, rest } = outcome.answers;
  const answer = finals[0];
  if (answer === undefined || finals.length > 1 || rest !== "") return [`the client saw ${shown(outcome)}`];
  const { status, fields, body, trailers } = expect;
  const seen = {
    status: statusOf(answer),
    fields: endToEnd(answer),
    body: answer.body,
    trailers: lines(answer.trailers),
    interims: interims.map(statusOf),
  };
  const wanted = { status, fields, body, trailers, interims: expect.interims };
  const complaints =
    JSON.stringify(seen) === JSON.stringify(wanted)
      ? []
      : [`saw ${JSON.stringify(seen)}, expected ${JSON.stringify(wanted)}`];
  if (expect.reused !== "either" && expect.reused !== outcome.reused)
    complaints.push(`the upstream's connection was ${outcome.reused ? "" : "not "}used again`);
  return complaints;
}

/** Our own 502: nothing of the upstream's fields or body. */
function isBadGateway({ answers }: AnswerOutcome): boolean {
  const answer = answers.finals[0];
  return (
    answers.finals.length === 1 && answers.rest === "" && answer !== undefined && statusOf(answer) === 502
  );
}

/** A beginning whose end is missing, in a way that every client notices. */
function isCutOff({ answers, reset }: AnswerOutcome): boolean {
  return (answers.finals.length === 0 && (answers.rest !== "" || reset)) || reset;
}

/** Fields that a proxy may add, change or drop. */
const apart = /^(date|via|connection|keep-alive|x-request-id|content-length|transfer-encoding|trailer)$/;
const endToEnd = (answer: Message): string[] => lines(answer.fields.filter(([name]) => !apart.test(name)));
const lines = (pairs: readonly (readonly [string, string])[]): string[] =>
  pairs.map(([name, value]) => `${name}: ${value}`);

const shown = ({ answers, reset }: AnswerOutcome): string =>
  `${answers.finals.map(({ start, body }) => `${start}: ${JSON.stringify(body.slice(0, 100))}`).join(", ") || "no answer"}${
    answers.rest ? ` and ${JSON.stringify(answers.rest.slice(0, 200))}` : ""
  }${reset ? ", reset" : ""}`;

/** `HTTP/1.1 200 OK: ok` */
export const summary = (answer: Message | undefined): string =>
  answer ? `${answer.start}: ${answer.body}` : "no answer";
