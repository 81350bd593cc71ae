// The raw sockets that the proxy's tests speak through: an upstream that does what a script says, and a client that
// sends bytes and collects what comes back. It tests itself, since every other test here leans on it.
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { createProxy, type Proxy as DataPlane, type ProxyOptions } from "./proxy.ts";
import type { RoutedRequest, UpstreamFailure } from "./routing.ts";
import { createUpstream, type Upstream, type UpstreamOptions } from "./upstream.ts";

/** What an upstream does with one connection's bytes: called with all that came so far since the last answer. */
export type Script = (socket: Socket, received: string, connectionIndex: number) => boolean;

export interface ScriptedUpstream {
  readonly port: number;
  readonly received: string[];
  readonly sockets: Socket[];
  close(): void;
}

/** Each complete request head (and what follows in the same turn) is given to `script`; true: it was consumed. */
export async function scriptedUpstream(script: Script): Promise<ScriptedUpstream> {
  const received: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const index = sockets.push(socket) - 1;
    let pending = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      pending += chunk.toString("latin1");
      if (!pending.includes("\r\n\r\n")) return;
      if (!script(socket, pending, index)) return;
      received.push(pending);
      pending = "";
    });
  });
  const port = await listening(server);
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, received, sockets, close };
}

/** Always the same answer. */
export function answering(answer: string): Script {
  return (socket) => {
    socket.write(answer, "latin1");
    return true;
  };
}

export function ok(body: string, fields = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
}

export const get = (path = "/", fields = "") => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${fields}\r\n`;
export const getClose = (path = "/") => get(path, "Connection: close\r\n");

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

export interface TestedProxy {
  readonly port: number;
  readonly proxy: DataPlane;
  /** The proxy's ends of its clients' connections, in the order of their coming. */
  readonly accepted: readonly Socket[];
  readonly upstreams: readonly Upstream[];
  readonly failures: { upstream: string; failure: UpstreamFailure; problem: string }[];
  readonly silences: string[];
  /** What the observer was told of requests and answers: `S1 asked`, `S1 503`. */
  readonly noted: string[];
  close(): void;
}

export interface TestedOptions extends Partial<ProxyOptions> {
  readonly upstream?: Partial<UpstreamOptions>;
  /** Sees every pick. */
  readonly onPick?: (request: RoutedRequest) => void;
}

/** A proxy that asks its upstreams in the order given. */
export async function testedProxy(
  ports: readonly number[],
  options: TestedOptions = {},
): Promise<TestedProxy> {
  const failures: { upstream: string; failure: UpstreamFailure; problem: string }[] = [];
  const silences: string[] = [];
  const noted: string[] = [];
  const upstreams = ports.map((port, index) =>
    createUpstream({ name: `S${index + 1}`, address: { host: "127.0.0.1", port }, ...options.upstream }),
  );
  const routing = {
    pick: (request: RoutedRequest, tried: readonly Upstream[]) => {
      options.onPick?.(request);
      return upstreams.find((upstream) => !tried.includes(upstream)) ?? null;
    },
    unavailable: () => ({ body: '{"message":"<Error> nobody","status":"failure"}', retryAfterS: 7 }),
  };
  const observer = {
    upstreamFailed: (upstream: Upstream, failure: UpstreamFailure, problem: string) => {
      failures.push({ upstream: upstream.name, failure, problem });
    },
    upstreamSilent: (upstream: Upstream) => {
      silences.push(upstream.name);
    },
    upstreamAsked: (upstream: Upstream) => {
      noted.push(`${upstream.name} asked`);
    },
    upstreamAnswered: (upstream: Upstream, code: number) => {
      noted.push(`${upstream.name} ${code}`);
    },
  };
  const proxy = createProxy({ routing: () => routing, observer, ...options });
  const accepted: Socket[] = [];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    proxy.accept(socket);
  });
  const port = await listening(server);
  const close = () => {
    server.close();
    for (const upstream of upstreams) upstream.destroy();
    void proxy.drain(0);
  };
  return { port, proxy, accepted, upstreams, failures, silences, noted, close };
}

export interface RawClient {
  readonly socket: Socket;
  /** All that has come, as latin1. */
  text(): string;
  /** Resolves when what has come satisfies `done`. */
  until(done: (text: string) => boolean): Promise<string>;
  /** Resolves when the connection is closed, with all that came. */
  closed(): Promise<string>;
  /** The error code it ended with, for example ECONNRESET. */
  error(): string | undefined;
}

export function rawClient(port: number, send = ""): RawClient {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  let isClosed = false;
  let error: string | undefined;
  let waiting: (() => void)[] = [];
  const wake = () => {
    const all = waiting;
    waiting = [];
    for (const resolve of all) resolve();
  };
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    wake();
  });
  socket.on("end", () => socket.end());
  socket.on("error", (reason: NodeJS.ErrnoException) => {
    error = reason.code;
  });
  socket.on("close", () => {
    isClosed = true;
    wake();
  });
  if (send !== "") socket.write(send, "latin1");
  const changed = () => new Promise<void>((resolve) => waiting.push(resolve));
  const until = async (done: (text: string) => boolean) => {
    while (!done(text)) {
      assert.ok(!isClosed, `closed before what was awaited came; got: ${text}`);
      await changed();
    }
    return text;
  };
  const closed = async () => {
    while (!isClosed) await changed();
    return text;
  };
  return { socket, text: () => text, until, closed, error: () => error };
}

/** Waits for a condition that no event tells. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** One request on its own connection, to its end. */
export async function ask(port: number, request: string): Promise<string> {
  return rawClient(port, request).closed();
}

test("a scripted upstream answers a raw client", async () => {
  const upstream = await scriptedUpstream(answering(ok("hi")));
  const client = rawClient(upstream.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(await client.until((text) => text.endsWith("hi")), /^HTTP\/1.1 200 OK\r\n/);
  client.socket.destroy();
  upstream.close();
});
