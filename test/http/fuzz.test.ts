// Grammar-based fuzzing through the real proxy. Valid messages, cut anywhere, arrive as they are; spoiled ones never
// leave anything ambiguous on either side.
//   ROUNDHOUSE_FUZZ_RUNS=20000 ROUNDHOUSE_FUZZ_SEED=7 node test/run.mjs test/http/fuzz.test.ts
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { type AnswerOutcome, answerComplaints } from "./answer-judge.ts";
import { type AnswerLane, startAnswerLane } from "./answer-lane.ts";
import { cuts, mutations, offsets, validAnswer, validRequest } from "./grammar.ts";
import { complaints, generalComplaints, type Outcome } from "./judge.ts";
import { type Lane, startLane } from "./lane.ts";
import { clientRequests, type Message, parseAnswers, statusOf, valuesOf } from "./strict.ts";
import { passed } from "./vectors/answer-vector.ts";
import { closed, forwarded } from "./vectors/vector.ts";

const numRuns = Number(process.env.ROUNDHOUSE_FUZZ_RUNS ?? 300);
const seed = Number(process.env.ROUNDHOUSE_FUZZ_SEED ?? 20_240_601);
const run = { numRuns, seed, includeErrorInReport: true, interruptAfterTimeLimit: 60_000 };

describe("fuzzed requests", () => {
  let lane: Lane;
  before(async () => {
    lane = await startLane();
  });
  after(() => lane.close());

  it("valid pipelines, cut anywhere, reach the upstream as they are", async () => {
    const pipeline = fc.array(validRequest, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(pipeline, cuts, async (requests, fractions) => {
        const send = requests.map(({ bytes }) => bytes).join("");
        const expect = forwarded(...requests.map(({ seen }) => seen));
        const outcome = await lane.run({ send, fin: false, expect }, offsets(fractions, send.length));
        const vector = { id: "fuzz", rfc: "9112", level: "MUST" as const, why: "", send, fin: false, expect };
        assert.deepEqual(complaints(vector, outcome), []);
      }),
      run,
    );
  });

  it("spoiled pipelines leave nothing ambiguous", async () => {
    const pipeline = fc.array(validRequest, { minLength: 1, maxLength: 3 });
    const spoiled = fc
      .tuple(pipeline, mutations)
      .map(([requests, mutate]) => mutate(requests.map(({ bytes }) => bytes).join("")));
    await fc.assert(
      fc.asyncProperty(spoiled, cuts, async (send, fractions) => {
        const outcome = await lane.run({ send, fin: true, expect: closed }, offsets(fractions, send.length));
        assert.deepEqual(spoiledComplaints(send, outcome), [], JSON.stringify(send));
      }),
      { ...run, numRuns: numRuns * 4 },
    );
  });
});

/** What reached the upstream is what a second parser reads in the client's bytes, in order, and no more. */
function spoiledComplaints(send: string, outcome: Outcome): string[] {
  const found = generalComplaints({ ...outcome, answers: { ...outcome.answers, fault: null } });
  const read = clientRequests(send).map(identity);
  const seen = outcome.requests.map(identity);
  if (JSON.stringify(read.slice(0, seen.length)) !== JSON.stringify(seen))
    found.push(`upstream saw ${JSON.stringify(seen)}, a second parser reads ${JSON.stringify(read)}`);
  return [...found, ...answersComplaints(outcome)];
}

/** One answer for each request that was complete, one refusal at most, and nothing behind it. */
function answersComplaints({ answers, requests }: Outcome): string[] {
  const { finals, rest } = answers;
  const refusal = finals[requests.length];
  // A refused HEAD is answered with a head alone; the parser, which does not know it, waits for its body.
  const headOnly =
    finals.length === requests.length && rest !== "" && statusOf({ start: rest } as Message) >= 400;
  if (finals.length > requests.length + 1) return [`${finals.length} answers to ${requests.length} requests`];
  if (
    refusal !== undefined &&
    !(statusOf(refusal) >= 400 && valuesOf(refusal.fields, "connection").includes("close"))
  )
    return [`${refusal.start} without Connection: close, to no request`];
  return (rest === "" || headOnly) && (answers.fault === null || headOnly)
    ? []
    : [`the client has ${JSON.stringify(rest)}, ${answers.fault}`];
}

const identity = ({ start, body }: Message): string => `${start.replace(/ HTTP\/1\..$/, "")} ${body}`;

describe("fuzzed answers", () => {
  let lane: AnswerLane;
  before(async () => {
    lane = await startAnswerLane();
  });
  after(() => lane.close());

  it("valid answers, cut anywhere, reach the client as they are", async () => {
    await fc.assert(
      fc.asyncProperty(validAnswer, cuts, async ({ bytes, body, ...answer }, fractions) => {
        const given = { answer: bytes, finish: "open", request: "GET" } as const;
        const outcome = await lane.run(given, offsets(fractions, bytes.length));
        assert.deepEqual(answerComplaints({ request: "GET", expect: passed(body, answer) }, outcome), []);
      }),
      run,
    );
  });

  it("spoiled answers reach a client as what they are, as a 502, or visibly cut off", async () => {
    const spoiled = fc.tuple(validAnswer, mutations).map(([{ bytes }, mutate]) => mutate(bytes));
    await fc.assert(
      fc.asyncProperty(spoiled, cuts, async (answer, fractions) => {
        const given = { answer, finish: "fin", request: "GET" } as const;
        const outcome = await lane.run(given, offsets(fractions, answer.length));
        assert.deepEqual(spoiledAnswerComplaints(answer, outcome), [], JSON.stringify(answer));
      }),
      { ...run, numRuns: numRuns * 2 },
    );
  });
});

function spoiledAnswerComplaints(sent: string, outcome: AnswerOutcome): string[] {
  const { answers, probe, stuck, reset } = outcome;
  const found = answers.fault === null ? [] : [`reached the client: ${answers.fault}`];
  if (probe !== "HTTP/1.1 200 OK: ok") found.push(`the next request got ${probe}`);
  if (stuck) found.push("no rest");
  const [seen] = answers.finals;
  const [read] = parseAnswers(sent.replaceAll("HTTP/1.0", "HTTP/1.1"), ["GET"], true, true).finals;
  if (seen === undefined) return answers.rest !== "" || reset ? found : [...found, "no answer at all"];
  if (statusOf(seen) === 502) return found;
  if (read === undefined) found.push(`the client saw ${seen.start}; a second parser finds no answer there`);
  else if (statusOf(read) !== statusOf(seen) || read.body !== seen.body)
    found.push(
      `the client saw ${seen.start} ${JSON.stringify(seen.body)}, the second parser ${read.start} ${JSON.stringify(read.body)}`,
    );
  return found;
}
