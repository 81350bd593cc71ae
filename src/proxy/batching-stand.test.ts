// A front door with `--upstream-batching` before a scripted upstream that sees in one piece what was written together,
// for the tests beside it.
import type { Socket } from "node:net";
import { afterEach } from "node:test";
import {
  eventually,
  get,
  ok,
  type RawClient,
  rawClient,
  type ScriptedUpstream,
  scriptedUpstream,
  type TestedOptions,
  type TestedProxy,
  testedProxy,
} from "./scripted.test.ts";
import type { PooledUpstream } from "./upstream.ts";

/** What an upstream does with the requests that came in one piece. */
export type Serve = (socket: Socket, paths: string[]) => void;

export const plainly: Serve = (socket, paths) => socket.write(paths.map((path) => ok(path)).join(""));

export interface Stand {
  serve: Serve;
  readonly origin: ScriptedUpstream;
  readonly tested: TestedProxy;
  readonly upstream: PooledUpstream;
  /** The paths of each piece since {@link warm}. */
  pieces(): string[][];
  close(): void;
}

const pathsIn = (received: string) =>
  [...received.matchAll(/^[A-Z]+ (\/\S*) /gm)].map(([, path]) => path ?? "");

/** What a failed test has left open. */
const open = new Set<Stand>();
afterEach(() => {
  for (const made of open) made.close();
});

export async function stand(options: TestedOptions = {}): Promise<Stand> {
  const origin = await scriptedUpstream((socket, received) => {
    made.serve(socket, pathsIn(received));
    return true;
  });
  const other = await scriptedUpstream((socket, received) => {
    plainly(socket, pathsIn(received));
    return true;
  });
  const tested = await testedProxy([origin.port, other.port], {
    upstreamBatching: true,
    upstream: { limits: { sharedAnswerMs: 60_000 } }, // a busy machine makes every answer late
    ...options,
  });
  const made: Stand = {
    serve: plainly,
    origin,
    tested,
    upstream: tested.upstreams[0] as PooledUpstream,
    pieces: () => origin.received.map(pathsIn),
    close: () => {
      if (open.delete(made)) for (const each of [tested, origin, other]) each.close();
    },
  };
  open.add(made);
  return made;
}

/** The upstream has shown that it is quick (whatever this machine is busy with); `connections` are open and idle. */
export async function warm(made: Stand, connections = 1): Promise<void> {
  showQuick(made);
  const waiting: Socket[] = [];
  made.serve = (socket) => waiting.push(socket);
  const others = Array.from({ length: connections }, () => rawClient(made.tested.port));
  for (const [at, other] of others.entries()) {
    other.socket.write(get("/warm", "Cookie: a=b\r\n"));
    await eventually(() => waiting.length === at + 1);
  }
  for (const socket of waiting) socket.write(ok("/warm"));
  for (const other of others) await other.until((text) => text.endsWith("/warm"));
  for (const other of others) other.socket.destroy();
  await eventually(() => made.tested.proxy.stats.connections === 0);
  made.serve = plainly;
  made.origin.received.length = 0;
  showQuick(made);
}

function showQuick({ upstream }: Stand): void {
  for (let answers = 0; answers < 5_000; answers++) upstream.batching.count(0.1);
}

/**
 * Clients whose requests come in the same turn, for certain: each is given to the accepted socket as if it had been read,
 * since what was sent at the same time may arrive in two turns.
 */
export async function together(made: Stand, requests: readonly string[]): Promise<RawClient[]> {
  const before = made.tested.proxy.stats.connectionsTotal;
  const clients = requests.map(() => rawClient(made.tested.port));
  await eventually(() => made.tested.proxy.stats.connectionsTotal === before + requests.length);
  await eventually(() => clients.every(({ socket }) => !socket.connecting));
  for (const [at, client] of clients.entries()) {
    const accepted = made.tested.accepted.find(({ remotePort }) => remotePort === client.socket.localPort);
    accepted?.push(Buffer.from(requests[at] ?? "", "latin1"));
  }
  return clients;
}

export const bodies = (clients: readonly RawClient[], ends: readonly string[]) =>
  Promise.all(clients.map((client, at) => client.until((text) => text.endsWith(`\r\n\r\n${ends[at]}`))));

export const paths = ["/a", "/b", "/c", "/d", "/e", "/f"];
export const gets = paths.map((path) => get(path));
