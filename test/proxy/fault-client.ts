// Clients of a fault run: keep-alive connections that send one to four requests at a time, each with its own nonce,
// and judge every answer.
import { connect, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { seededRandom } from "../../src/load/random.ts";
import { parseAnswer, statusOf, valuesOf } from "../http/strict.ts";
import { faultOf, type Outcome, objection, type Plan, type PlanOptions } from "./fault-plan.ts";

export interface Tally {
  /** `GET 200`, `POST 502`, `GET ended` …: how often. */
  readonly outcomes: Map<string, number>;
  /** Each outcome that is not allowed, with its plan. */
  readonly objections: string[];
  /** Idempotent requests that failed twice. */
  readonly unlucky: string[];
  /** Called when a request is over; tells how often an origin saw it. */
  readonly attemptsOf: (nonce: string) => number;
}

interface Line {
  socket: Socket;
  received: string;
  ended: boolean;
  /** Called on every change. */
  wake: () => void;
}

/** Sends `count` requests, numbered from `first`, over one connection after another. */
export async function runClient(
  port: number,
  options: PlanOptions,
  first: number,
  count: number,
  tally: Tally,
): Promise<void> {
  const random = seededRandom(options.seed + first);
  let line: Line | null = null;
  for (let sent = 0; sent < count; ) {
    const size = Math.min(count - sent, random() < 0.7 ? 1 : 2 + Math.floor(random() * 3));
    const plans = Array.from({ length: size }, (_, i) => plan(first + sent + i, random, options));
    sent += size;
    if (line === null || line.ended) line = open(port);
    line.socket.write(Buffer.from(plans.map(({ requestBytes }) => requestBytes).join(""), "latin1"));
    if (random() < 0.03) {
      await leave(line, random);
      tally.outcomes.set("left", (tally.outcomes.get("left") ?? 0) + size);
      continue;
    }
    judge(plans, await outcomesOn(line, plans), tally);
  }
  line?.socket.destroy();
}

/** The client goes without its answers, after some turns or in the midst of them; whoever shares its way must not notice. */
async function leave(line: Line, random: () => number): Promise<void> {
  for (let turns = Math.floor(random() * 6); turns > 0; turns--) await nextTurn();
  if (random() < 0.5) line.socket.resetAndDestroy();
  else line.socket.destroy();
  line.ended = true;
}

function plan(number: number, random: () => number, options: PlanOptions): Plan {
  const nonce = number.toString(36);
  const fault = faultOf(nonce, options);
  const method = fault === "early" ? "POST" : (methods[Math.floor(random() * methods.length)] ?? "GET");
  // A body is sent as text, or, from some KB on, as bytes of its own.
  const bodyBytesMax = random() < 0.1 ? 60_000 : 500;
  const bodyBytes = fault === "early" ? 100_000 : Math.floor(random() * bodyBytesMax);
  const expects = fault !== "early" && random() < 0.2;
  return { nonce, fault, method, requestBytes: request(nonce, method, bodyBytes, random() < 0.5, expects) };
}

const methods = ["GET", "GET", "GET", "GET", "GET", "HEAD", "PUT", "PUT", "POST", "POST"] as const;

/** Who `expects` to be told to continue does not wait for it (RFC 9110 section 10.1.1). */
function request(
  nonce: string,
  method: string,
  bodyBytes: number,
  chunked: boolean,
  expects: boolean,
): string {
  const start = `${method} /n/${nonce} HTTP/1.1\r\nHost: a.example\r\n`;
  if (method === "GET" || method === "HEAD") return `${start}\r\n`;
  const head = expects ? `${start}Expect: 100-continue\r\n` : start;
  const body = "b".repeat(bodyBytes);
  if (!chunked || body === "") return `${head}Content-Length: ${bodyBytes}\r\n\r\n${body}`;
  return `${head}Transfer-Encoding: chunked\r\n\r\n${bodyBytes.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

function open(port: number): Line {
  const line: Line = {
    socket: connect({ port, host: "127.0.0.1", noDelay: true }),
    received: "",
    ended: false,
    wake: () => {},
  };
  const end = (): void => {
    line.ended = true;
    line.wake();
  };
  line.socket.on("data", (chunk: Buffer) => {
    line.received += chunk.toString("latin1");
    line.wake();
  });
  line.socket.on("end", end);
  line.socket.on("error", end);
  line.socket.on("close", end);
  return line;
}

/** One outcome for each request, in order; the last ones are `ended` when the connection is. */
function outcomesOn(line: Line, plans: readonly Plan[]): Promise<Outcome[]> {
  const count = plans.length;
  const outcomes: Outcome[] = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(
          new Error(
            `${outcomes.length} answers within 20 s to ${plans.map(({ method, fault }) => `${method} (${fault})`)}, then ${JSON.stringify(line.received.slice(0, 300))}`,
          ),
        ),
      20_000,
    );
    line.wake = () => {
      takeAnswers(line, outcomes, plans);
      while (line.ended && outcomes.length < count) outcomes.push({ kind: "ended" });
      if (outcomes.length < count) return;
      clearTimeout(timer);
      line.wake = () => {};
      resolve(outcomes);
    };
    line.wake();
  });
}

function takeAnswers(line: Line, outcomes: Outcome[], plans: readonly Plan[]): void {
  while (line.received !== "" && outcomes.length < plans.length) {
    const parsed = parseAnswer(line.received, 0, plans[outcomes.length]?.method ?? "GET", line.ended);
    if (parsed.kind === "fault") throw new Error(`A client got ${parsed.why}`);
    if (parsed.kind === "incomplete") return;
    const { message } = parsed;
    line.received = line.received.slice(message.end);
    const status = statusOf(message);
    const closes = valuesOf(message.fields, "connection").includes("close");
    if (status >= 200)
      outcomes.push({
        kind: "answered",
        status,
        nonce: valuesOf(message.fields, "x-nonce")[0] ?? "",
        body: message.body,
        closes,
      });
    if (closes) line.ended = true;
  }
}

function judge(
  plans: readonly Plan[],
  outcomes: readonly Outcome[],
  { outcomes: counts, objections, unlucky, attemptsOf }: Tally,
): void {
  // Behind an answer that was cut off no further answer is owed on this connection, nor behind a failure that closes: it
  // came before all of the request's body had, and what follows is never looked at.
  let owed = true;
  for (const [i, plan] of plans.entries()) {
    const outcome = outcomes[i] as Outcome;
    const name = `${plan.method} ${outcome.kind === "ended" ? "ended" : outcome.status}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const why = outcome.kind === "ended" && !owed ? null : objection(plan, outcome);
    if (why !== null)
      (why === "unlucky" ? unlucky : objections).push(`${plan.method} ${plan.nonce} (${plan.fault}): ${why}`);
    if (plan.method === "POST" && attemptsOf(plan.nonce) > 1)
      objections.push(`POST ${plan.nonce} (${plan.fault}) ran ${attemptsOf(plan.nonce)} times`);
    if (outcome.kind === "ended" || plan.fault === "early" || (outcome.closes && outcome.status >= 500))
      owed = false;
  }
}
