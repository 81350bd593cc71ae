// Runs answer vectors: a client asks, the origin sends the vector's bytes, and a second request probes whether the
// upstream's connection was used again, and whether anything of the first exchange leaks into the next.
import { setImmediate as turn } from "node:timers/promises";
import { type AnswerOutcome, summary } from "./answer-judge.ts";
import { type OriginConnection, type OriginScript, startOrigin } from "./origin.ts";
import { type Stand, type StandOptions, startStand } from "./stand.ts";
import { holds } from "./until.ts";
import type { AnswerVector } from "./vectors/answer-vector.ts";

export type Given = Pick<AnswerVector, "answer" | "finish" | "request">;

export interface AnswerLane {
  readonly stand: Stand;
  /** `cuts`: offsets at which the upstream's bytes are split. */
  run(given: Given, cuts?: readonly number[]): Promise<AnswerOutcome>;
  close(): Promise<void>;
}

export async function startAnswerLane(options: StandOptions = {}): Promise<AnswerLane> {
  let given: Given = { answer: "", finish: "open", request: "GET" };
  let cuts: readonly number[] = [];
  let vectorOn = -1;
  let probeOn = -1;
  const script: OriginScript = (request, connection) => {
    if (request.start.includes(" /probe ")) {
      probeOn = connection.index;
      connection.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    } else {
      vectorOn = connection.index;
      void sendAnswer(connection, given, cuts);
    }
  };
  const stand = await startStand({ origins: [await startOrigin(script)], ...options });
  return {
    stand,
    close: () => stand.close(),
    async run(next, nextCuts = []) {
      given = next;
      cuts = nextCuts;
      vectorOn = -1;
      probeOn = -1;
      const seen = await ask(stand, next.request);
      const probe = await ask(stand, "GET", "/probe");
      return { ...seen, reused: vectorOn === probeOn, probe: summary(probe.answers.finals[0]) };
    },
  };
}

async function sendAnswer(
  { socket }: OriginConnection,
  { answer, finish }: Given,
  cuts: readonly number[],
): Promise<void> {
  let from = 0;
  for (const to of [...cuts, answer.length]) {
    if (to > from) socket.write(Buffer.from(answer.slice(from, to), "latin1"));
    from = Math.max(from, to);
    if (to < answer.length) for (let turns = 0; turns < 3; turns++) await turn();
  }
  if (finish === "open") return;
  if (finish === "fin") socket.end();
  else if (answer === "") socket.resetAndDestroy();
  // What was sent must arrive before the reset, which would discard it.
  else setTimeout(() => socket.resetAndDestroy(), 5);
}

/** One request on a connection of its own; `request` is `GET`, `HEAD`, `GET/1.0`. */
async function ask(
  stand: Stand,
  request: string,
  target = "/v",
): Promise<Omit<AnswerOutcome, "reused" | "probe">> {
  const [method = "GET", version = "1.1"] = request.split("/");
  const client = await stand.connect();
  client.send(`${method} ${target} HTTP/${version}\r\nHost: a.example\r\n\r\n`);
  const rested = await holds(() => client.ended() || client.answers([method]).finals.length > 0, 5_000);
  // What comes behind a complete answer would come at once.
  for (let turns = 0; turns < 5; turns++) await turn();
  const outcome = { answers: client.answers([method]), reset: client.reset(), stuck: !rested };
  client.finish();
  await holds(client.ended, 5_000);
  client.destroy();
  return outcome;
}
