// One request and its whole answer, over kept connections: what everything here that talks to a queue stands on. It
// tries once, and knows nothing of topics; who may try again is for the callers to say.
//
// On node:net, since a producer and a consumer spend more on node:http's requests than on their messages.
import { validateHeaderValue } from "node:http";
import { RoundhouseError } from "../../errors.ts";
import { type Answer, type HttpConnection, openConnection } from "../http-connection.ts";

export type { Answer } from "../http-connection.ts";

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

export interface HttpClient {
  /** Rejects with UNREACHABLE or TIMEOUT (both retryable), or with the signal's reason. Any status is an answer. */
  ask(origin: string, question: Question): Promise<Answer>;
  /** Ends the connections, and fails what is under way. */
  close(): void;
}

/** Connections to one address. */
interface Pool {
  readonly origin: string;
  readonly host: string;
  readonly port: number;
  /** For the Host field. */
  readonly authority: string;
  /** Longest idle first. */
  readonly idle: { readonly connection: HttpConnection; readonly sinceMs: number }[];
  readonly open: Set<HttpConnection>;
  /** Questions that wait for one of them, since there may be no more. */
  readonly waiting: ((connection: HttpConnection) => void)[];
}

const TIMEOUT_MS = 30_000;
/** To one address: a consumer's long polls take one for each shard, and others must not wait behind them. */
const SOCKETS_MAX = 2048;
/** Servers keep idle connections for longer, so that a question seldom meets one that is being closed. */
const IDLE_MS_MAX = 30_000;

/** @param token bearer token for queues that want one */
export function createHttpClient(token: string | undefined = process.env.ROUNDHOUSE_TOKEN): HttpClient {
  const pools = new Map<string, Pool>();
  const authorization = token === undefined ? "" : `authorization: Bearer ${token}\r\n`;
  if (token !== undefined) validateHeaderValue("authorization", token);

  function poolOf(origin: string): Pool {
    const pool = pools.get(origin) ?? createPool(origin);
    pools.set(origin, pool);
    return pool;
  }

  function ask(origin: string, question: Question): Promise<Answer> {
    const { method, timeoutMs = TIMEOUT_MS, signal } = question;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const pool = poolOf(origin);
      const { head, body } = requestOf(pool, question, authorization);
      let connection: HttpConnection | null = null;
      let isOver = false;
      const over = (): void => {
        isOver = true;
        clearTimeout(clock);
        signal?.removeEventListener("abort", onAbort);
      };
      const fail = (error: unknown): void => {
        if (isOver) return;
        over();
        reject(error);
        connection?.end(new Error("nobody waits for its answer"));
      };
      const onAbort = (): void => fail(signal?.reason);
      const clock = setTimeout(() => fail(timedOut(origin, timeoutMs)), timeoutMs);
      signal?.addEventListener("abort", onAbort);
      takeConnection(pool, (taken) => {
        if (isOver) return giveBack(pool, taken);
        connection = taken;
        taken.ask(head, body, {
          method,
          answered(answer) {
            over();
            resolve(answer);
          },
          failed: (cause) => fail(unreachable(origin, cause)),
        });
      });
    });
  }

  return {
    ask,
    close() {
      for (const { open } of pools.values())
        for (const connection of open) connection.end(new Error("the client was closed"));
    },
  };
}

function createPool(origin: string): Pool {
  const { protocol, hostname, port, host } = new URL(origin);
  if (protocol !== "http:") {
    const text = `Cannot ask ${origin}: only http: is spoken here; name an address that begins with http://`;
    throw new RoundhouseError("BAD_REQUEST", text, { source: "downstream" });
  }
  return {
    origin,
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 80 : Number(port),
    authority: host,
    idle: [],
    open: new Set(),
    waiting: [],
  };
}

function requestOf(pool: Pool, question: Question, authorization: string) {
  const { method, path, headers = {} } = question;
  const body = typeof question.body === "string" ? Buffer.from(question.body) : question.body;
  const { pathname, search } = isPlain(path) ? { pathname: path, search: "" } : new URL(path, pool.origin);
  let head = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${pool.authority}\r\n${authorization}`;
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  if (body !== undefined || method === "POST" || method === "PUT")
    head += `content-length: ${body?.length ?? 0}\r\n`;
  return { head: `${head}\r\n`, body };
}

/** A path that needs no escapes. */
const isPlain = (path: string): boolean => /^\/[\w\-.~%!$&()*+,;=:@/?]*$/.test(path) && !path.includes("/.");

/** The freshest that is idle, else a new one, else the first to become free. */
function takeConnection(pool: Pool, use: (connection: HttpConnection) => void): void {
  const freshest = pool.idle.pop();
  if (freshest !== undefined && performance.now() - freshest.sinceMs < IDLE_MS_MAX) use(freshest.connection);
  else if (freshest !== undefined) {
    freshest.connection.end(new Error("idle for too long"));
    takeConnection(pool, use);
  } else if (pool.open.size < SOCKETS_MAX) use(opened(pool));
  else pool.waiting.push(use);
}

function opened(pool: Pool): HttpConnection {
  const connection = openConnection({
    host: pool.host,
    port: pool.port,
    onFree: (free) => giveBack(pool, free),
    onClosed(gone) {
      pool.open.delete(gone);
      const index = pool.idle.findIndex((one) => one.connection === gone);
      if (index >= 0) pool.idle.splice(index, 1);
      const next = pool.waiting.shift();
      if (next !== undefined) takeConnection(pool, next);
    },
  });
  pool.open.add(connection);
  return connection;
}

function giveBack(pool: Pool, connection: HttpConnection): void {
  const next = pool.waiting.shift();
  if (next !== undefined) next(connection);
  else pool.idle.push({ connection, sinceMs: performance.now() });
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
