// A plain HTTP client for tests: node:http, since it sends exactly the headers it is given.
import { type Agent, type IncomingHttpHeaders, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Keep-alive connections to use; default: a connection of its own. */
  readonly agent?: Agent;
}

/** Rejects when the connection fails or the answer is cut off. */
export function call(port: number, path: string, options: Call = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, agent } = options;
  return new Promise((resolve, reject) => {
    // Node's client frames no body of a DELETE by itself.
    const framing = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const outgoing = request(
      { host: "127.0.0.1", port, path, method, headers: { ...framing, ...headers }, agent: agent ?? false },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** The id in the built-in replica's greeting. */
export function serverIn({ status, body }: Answer): string {
  const id = /^\{"message":"Hello from Server: ([^"]+)","status":"successful"\}$/.exec(body)?.[1];
  if (status !== 200 || id === undefined) throw new Error(`No greeting: ${status} ${body}`);
  return id;
}

/** Resolves as soon as the condition holds; rejects after `deadlineMs`. */
export async function until(what: string, condition: () => boolean, deadlineMs = 20_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited ${deadlineMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
