// Compares what happened with what a vector expects, and says each difference in words.
import type { Answers, Message } from "./strict.ts";
import { statusOf, valuesOf } from "./strict.ts";
import type { Expectation, RequestVector, SeenRequest } from "./vectors/vector.ts";

/** All that one run of a vector left behind, on both sides of the proxy. */
export interface Outcome {
  /** Complete requests at the upstream, in order. */
  readonly requests: readonly Message[];
  /** What the strict parser said against bytes that reached the upstream. */
  readonly faults: readonly string[];
  /** Bytes at the upstream that belong to no complete request. */
  readonly strayBytes: number;
  readonly upstreamBytes: number;
  readonly answers: Answers;
  /** The proxy closed the client's connection by itself. */
  readonly ended: boolean;
  /** The run did not come to rest in time. */
  readonly stuck: boolean;
}

/** What must hold whatever the vector is: nothing wrong or ambiguous on either side. */
export function generalComplaints(outcome: Outcome): string[] {
  const complaints = outcome.faults.map((why) => `reached the upstream: ${why}`);
  for (const request of outcome.requests) complaints.push(...hopByHopComplaints(request));
  if (outcome.answers.fault) complaints.push(`reached the client: ${outcome.answers.fault}`);
  if (outcome.stuck) complaints.push("the connection came to no rest");
  return complaints;
}

/** Fields that end at the proxy (RFC 9110 §7.6.1) or that only the proxy may set. */
function hopByHopComplaints({ fields }: Message): string[] {
  const complaints: string[] = [];
  for (const [name, value] of fields) {
    const options = value.toLowerCase();
    if (name === "connection" && !/^(keep-alive|close|upgrade)$/.test(options))
      complaints.push(`Connection: ${value} reached the upstream`);
    if (name === "te" && options !== "trailers") complaints.push(`TE: ${value} reached the upstream`);
    if (name === "upgrade" && options !== "websocket")
      complaints.push(`Upgrade: ${value} reached the upstream`);
    if (/^(keep-alive|proxy-connection|roundhouse-.*|.*_.*)$/.test(name))
      complaints.push(`${name}: ${value} reached the upstream`);
  }
  return complaints;
}

export function complaints(vector: RequestVector, outcome: Outcome): string[] {
  return [...generalComplaints(outcome), ...against(vector.expect, outcome)];
}

function against(expect: Expectation, outcome: Outcome): string[] {
  switch (expect.kind) {
    case "oneOf":
      return againstAny(expect.choices, outcome);
    case "forwarded":
      return [
        ...upstreamSaw(expect.requests, outcome),
        ...gaveOks(expect.requests.length, 0, outcome),
        ...ends(expect.closes, outcome),
      ];
    case "refused":
      return [
        ...upstreamSaw(expect.after, outcome),
        ...gaveOks(expect.after.length, 1, outcome),
        ...refusal(expect.status, outcome),
      ];
    case "answered":
      return [...upstreamSaw([], outcome), ...gaveOks(0, 1, outcome), ...lastStatus(expect.status, outcome)];
    case "closed":
      return [...upstreamSaw([], outcome), ...gaveOks(0, 0, outcome), ...ends(true, outcome)];
    case "cut":
      return cutShort(expect, outcome);
  }
}

function againstAny(choices: readonly Expectation[], outcome: Outcome): string[] {
  const all = choices.map((choice) => against(choice, outcome));
  if (all.some((list) => list.length === 0)) return [];
  return all.map((list, i) => `choice ${i + 1} (${choices[i]?.kind}): ${list.join("; ")}`);
}

function upstreamSaw(expected: readonly SeenRequest[], outcome: Outcome): string[] {
  const complaints: string[] = [];
  if (outcome.strayBytes > 0)
    complaints.push(`${outcome.strayBytes} bytes of no complete request at the upstream`);
  if (expected.length === 0 && outcome.upstreamBytes > 0)
    complaints.push(`${outcome.upstreamBytes} bytes reached the upstream`);
  return [...complaints, ...sameRequests(expected, outcome)];
}

function sameRequests(expected: readonly SeenRequest[], { requests }: Outcome): string[] {
  const seen = JSON.stringify(requests.map((request, i) => normalised(request, expected[i]?.host)));
  const wanted = JSON.stringify(expected.map(inOrder));
  return seen === wanted ? [] : [`upstream saw ${seen}, expected ${wanted}`];
}

/** `oks` answers from the origin, in the order of the requests, and `own` answers of the proxy behind them. */
function gaveOks(oks: number, own: number, { answers }: Outcome): string[] {
  const { finals, rest } = answers;
  const complaints: string[] = [];
  if (rest !== "")
    complaints.push(`the client has ${JSON.stringify(rest.slice(0, 200))} behind the last answer`);
  if (finals.length !== oks + own)
    complaints.push(`${finals.length} answers, expected ${oks + own}: ${finals.map(({ start }) => start)}`);
  for (const [i, answer] of finals.slice(0, oks).entries()) {
    if (valuesOf(answer.fields, "x-nth")[0] !== String(i))
      complaints.push(`answer ${i} is ${JSON.stringify(answer.start)}, of another request`);
  }
  return complaints;
}

function refusal(status: readonly number[], outcome: Outcome): string[] {
  const last = outcome.answers.finals.at(-1);
  const complaints = [...lastStatus(status, outcome), ...ends(true, outcome)];
  if (last !== undefined && !valuesOf(last.fields, "connection").includes("close"))
    complaints.push("the refusal has no `Connection: close`");
  return complaints;
}

function lastStatus(status: readonly number[], { answers }: Outcome): string[] {
  const last = answers.finals.at(-1);
  const seen = last === undefined ? "no answer" : String(statusOf(last));
  return status.map(String).includes(seen) ? [] : [`${seen}, expected ${status.join(" or ")}`];
}

const ends = (expected: boolean, { ended }: Outcome): string[] =>
  ended === expected ? [] : [expected ? "the connection was left open" : "the connection was closed"];

function cutShort({ status, after }: Extract<Expectation, { kind: "cut" }>, outcome: Outcome): string[] {
  const { finals, rest } = outcome.answers;
  const complaints = [...ends(true, outcome), ...sameRequests(after, outcome)];
  if (finals.length > after.length + 1 || rest !== "")
    complaints.push(`${finals.length} answers and ${rest.length} bytes behind them`);
  if (finals.length > after.length) complaints.push(...refusal(status, outcome));
  return complaints;
}

/** Fields that a proxy adds, changes or may drop; the tests in test/proxy look at each of them. */
const apart =
  /^(host|connection|te|trailer|expect|via|forwarded|x-forwarded-.*|x-real-ip|x-request-id|content-length|transfer-encoding)$/;

/** A request as vectors write it. `host` `*` in the expectation: any. */
export function normalised(request: Message, expectedHost?: string): SeenRequest {
  const kept = request.fields.filter(([name]) => !apart.test(name));
  // Upgrade concerns one hop: a proxy writes its own, wherever it likes.
  const pairs = kept.toSorted(([a], [b]) => Number(a === "upgrade") - Number(b === "upgrade"));
  return {
    line: request.start,
    host: expectedHost === "*" ? "*" : (valuesOf(request.fields, "host")[0] ?? ""),
    fields: pairs.map(([name, value]) => `${name}: ${name === "upgrade" ? value.toLowerCase() : value}`),
    body: request.body,
    framing: request.framing,
    trailers: request.trailers.map(([name, value]) => `${name}: ${value}`),
  };
}

/** The same key order as {@link normalised}, so that the two compare as JSON. */
const inOrder = ({ line, host, fields, body, framing, trailers }: SeenRequest): SeenRequest => ({
  line,
  host,
  fields,
  body,
  framing,
  trailers,
});
