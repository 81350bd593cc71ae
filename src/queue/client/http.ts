// One request and its whole answer, over kept connections: what everything here that talks to a queue stands on. It
// tries once, and knows nothing of topics; who may try again is for the callers to say.
import { Agent, type IncomingMessage, request } from "node:http";
import { RoundhouseError } from "../../errors.ts";

export interface Question {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For the whole answer; default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface HttpClient {
  /** Rejects with UNREACHABLE or TIMEOUT (both retryable), or with the signal's reason. Any status is an answer. */
  ask(origin: string, question: Question): Promise<Answer>;
  /** Ends the kept connections. */
  close(): void;
}

const TIMEOUT_MS = 30_000;
/** To one address: a consumer's long polls take one for each shard, and others must not wait behind them. */
const SOCKETS_MAX = 2048;
/** Far above any fetch we ask for; an answer of this size is a mistake. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** @param token bearer token for queues that want one */
export function createHttpClient(token: string | undefined = process.env.ROUNDHOUSE_TOKEN): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, timeout: 120_000 });
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };

  function ask(origin: string, question: Question): Promise<Answer> {
    const { method, path, headers = {}, body, timeoutMs = TIMEOUT_MS, signal } = question;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const length: Record<string, string | number> =
        body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
      const sent = request(new URL(path, origin), {
        agent,
        method,
        headers: { ...authorization, ...length, ...headers },
      });
      const onAbort = (): void => void sent.destroy(signal?.reason as Error);
      const clock = setTimeout(() => sent.destroy(timedOut(origin, timeoutMs)), timeoutMs);
      signal?.addEventListener("abort", onAbort);
      const over = (): void => {
        clearTimeout(clock);
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (cause: Error): void => {
        over();
        if (signal?.aborted) reject(signal.reason);
        else reject(cause instanceof RoundhouseError ? cause : unreachable(origin, cause));
      };
      sent.on("error", fail);
      sent.on("response", (answer) => {
        answer.on("error", fail);
        collect(answer, (text) => {
          over();
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
        });
      });
      sent.end(body);
    });
  }

  return { ask, close: () => agent.destroy() };
}

function collect(answer: IncomingMessage, done: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  answer.on("data", (part: Buffer) => {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) answer.destroy(new Error(`the answer exceeds ${ANSWER_BYTES_MAX} bytes`));
    else parts.push(part);
  });
  answer.on("end", () => done(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)));
}

function unreachable(origin: string, cause: Error): RoundhouseError {
  const reason = cause.message || (cause as NodeJS.ErrnoException).code || "no reason given";
  return new RoundhouseError(
    "UNREACHABLE",
    `No queue answers at ${origin} (${reason}); start one with \`roundhouse up --queue\`, or name its address`,
    { source: "upstream", retryable: true, cause },
  );
}

function timedOut(origin: string, timeoutMs: number): RoundhouseError {
  return new RoundhouseError("TIMEOUT", `${origin} has not answered within ${timeoutMs} ms; try again`, {
    source: "upstream",
    retryable: true,
  });
}
