// A lane runs vectors one after another through one proxy before one origin, and brings back what each left on both
// sides. Several lanes may run at once.
import type { Client } from "./client.ts";
import type { Outcome } from "./judge.ts";
import { answerOk, methodOf, type OriginScript, startOrigin } from "./origin.ts";
import { type Stand, type StandOptions, startStand } from "./stand.ts";
import { valuesOf } from "./strict.ts";
import { holds } from "./until.ts";
import type { Expectation, RequestVector } from "./vectors/vector.ts";

/** A run that takes longer hangs. */
const restMs = 2_000;

export interface Lane {
  readonly stand: Stand;
  /** `cuts`: offsets at which the bytes are split; each part is sent once the proxy has read the one before. */
  run(vector: Pick<RequestVector, "send" | "fin" | "expect">, cuts?: readonly number[]): Promise<Outcome>;
  close(): Promise<void>;
}

export async function startLane(options: StandOptions = {}, script: OriginScript = answerOk): Promise<Lane> {
  const stand = await startStand({ origins: [await startOrigin(script)], ...options });
  return {
    stand,
    run: (vector, cuts = []) => run(stand, vector, cuts),
    close: () => stand.close(),
  };
}

async function run(
  stand: Stand,
  { send, fin, expect }: Pick<RequestVector, "send" | "fin" | "expect">,
  cuts: readonly number[],
): Promise<Outcome> {
  stand.origin.forget();
  const client = await stand.connect();
  await sendInParts(stand, client, send, cuts);
  if (fin) client.finish();
  const methods = methodsOf(expect);
  const finals = (): number => client.answers(methods).finals.length;
  const rested = await holds(
    () => client.ended() || (!mustEnd(expect) && !fin && finals() >= answersOf(expect)),
    restMs,
  );
  const ended = await endedByItself(client, expect, methods);
  client.finish();
  const gone = await holds(() => client.ended() && stand.origin.partial().length === 0, restMs);
  const { requests, faults, connections } = stand.origin;
  const outcome: Outcome = {
    requests,
    faults,
    strayBytes: connections.reduce((sum, { pending }) => sum + pending.length, 0),
    upstreamBytes: stand.origin.bytesReceived(),
    answers: client.answers([...methods, ...requests.slice(methods.length).map(methodOf)]),
    ended,
    stuck: !rested || !gone,
  };
  // What hangs must not spoil the next run.
  for (const { socket } of stand.origin.partial()) socket.destroy();
  client.destroy();
  return outcome;
}

/** Whether the proxy closes by itself; one that says neither in its answer nor by the vector is not waited for. */
async function endedByItself(
  client: Client,
  expect: Expectation,
  methods: readonly string[],
): Promise<boolean> {
  const last = client.answers(methods).finals.at(-1);
  const says = last !== undefined && valuesOf(last.fields, "connection").includes("close");
  return says || mustEnd(expect) ? holds(client.ended, restMs) : client.ended();
}

async function sendInParts(
  stand: Stand,
  client: Client,
  send: string,
  cuts: readonly number[],
): Promise<void> {
  await holds(() => stand.peerOf(client) !== undefined, restMs);
  const peer = stand.peerOf(client);
  let from = 0;
  for (const to of [...cuts, send.length]) {
    if (to <= from) continue;
    client.send(send.slice(from, to));
    from = to;
    if (to === send.length) return;
    // A proxy that has stopped reading (it refused already, or waits for an answer) is not waited for long.
    await holds(() => peer === undefined || peer.destroyed || peer.bytesRead >= to || client.ended(), 5);
  }
}

const mustEnd = (expect: Expectation): boolean => endings(expect).every(Boolean);
function endings(expect: Expectation): boolean[] {
  if (expect.kind === "oneOf") return expect.choices.flatMap(endings);
  return [expect.kind === "forwarded" ? expect.closes : expect.kind !== "answered"];
}

/** After how many final answers nothing more is to come. */
function answersOf(expect: Expectation): number {
  if (expect.kind === "oneOf") return Math.max(...expect.choices.map(answersOf));
  if (expect.kind === "forwarded") return expect.requests.length;
  return "after" in expect ? expect.after.length + 1 : 1;
}

function methodsOf(expect: Expectation): string[] {
  if (expect.kind === "oneOf")
    return expect.choices.map(methodsOf).reduce((a, b) => (a.length >= b.length ? a : b));
  const requests =
    expect.kind === "forwarded" ? expect.requests : expect.kind === "refused" ? expect.after : [];
  return requests.map(({ line }) => line.slice(0, line.indexOf(" ")));
}
