// The test stand: a real listener whose connections go to a real proxy, with scripted origins behind it. In one
// process, over loopback TCP, through the public seam only (createProxy, createUpstream, Routing).
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createProxy, type Proxy as DataPlane, type ProxyOptions } from "../../src/proxy/proxy.ts";
import type { ProxyObserver, RoutedRequest, Routing, UpstreamFailure } from "../../src/proxy/routing.ts";
import { createUpstream, type Upstream } from "../../src/proxy/upstream.ts";
import { type Client, connectClient } from "./client.ts";
import { type Origin, startOrigin } from "./origin.ts";

export interface StandOptions extends Partial<Omit<ProxyOptions, "routing" | "observer">> {
  /** Default: one origin that answers 200 `ok`. */
  readonly origins?: readonly Origin[];
  /** Chooses among the upstreams that did not fail this request yet; default: the first of them. */
  readonly pick?: (request: RoutedRequest, left: readonly Upstream[]) => Upstream | null;
  /** `control` for the upstreams' kind; default `replica`. */
  readonly kind?: "replica" | "control";
}

export interface Stand {
  readonly port: number;
  readonly proxy: DataPlane;
  readonly upstreams: readonly Upstream[];
  readonly origins: readonly Origin[];
  /** The first origin. */
  readonly origin: Origin;
  readonly failures: readonly { readonly name: string; readonly failure: UpstreamFailure }[];
  /** Names of the upstreams reported silent. */
  readonly silences: readonly string[];
  connect(localAddress?: string): Promise<Client>;
  /** The proxy's end of this client's connection, to see what it has read. */
  peerOf(client: Client): Socket;
  /** Whether the proxy still holds an open socket to any client. */
  openPeers(): number;
  close(): Promise<void>;
}

export async function startStand(options: StandOptions = {}): Promise<Stand> {
  const { origins = [await startOrigin()], pick, kind = "replica", ...proxyOptions } = options;
  const upstreams = origins.map(({ address }, i) => createUpstream({ name: `S${i + 1}`, address, kind }));
  const failures: { name: string; failure: UpstreamFailure }[] = [];
  const silences: string[] = [];
  const observer: ProxyObserver = {
    upstreamFailed: ({ name }, failure) => void failures.push({ name, failure }),
    upstreamSilent: ({ name }) => void silences.push(name),
    upstreamAsked: () => {},
    upstreamAnswered: () => {},
  };
  const routing = routingOver(upstreams, pick);
  const proxy = createProxy({ ...proxyOptions, routing: () => routing, observer });
  const peers = new Map<number, Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    peers.set(socket.remotePort ?? 0, socket);
    socket.on("close", () => peers.delete(socket.remotePort ?? 0));
    proxy.accept(socket);
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 8_192 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    proxy,
    upstreams,
    origins,
    origin: origins[0] as Origin,
    failures,
    silences,
    connect: (localAddress) => connectClient(port, localAddress),
    peerOf: ({ socket }) => peers.get(socket.localPort ?? 0) as Socket,
    openPeers: () => [...peers.values()].filter((socket) => !socket.destroyed).length,
    async close() {
      server.close();
      await proxy.drain(0);
      for (const upstream of upstreams) upstream.destroy();
      await Promise.all(origins.map((origin) => origin.close()));
    },
  };
}

/** A stand for the length of a call. */
export async function withStand(options: StandOptions, use: (stand: Stand) => Promise<void>): Promise<void> {
  const stand = await startStand(options);
  try {
    await use(stand);
  } finally {
    await stand.close();
  }
}

/** What the stand's routing says in its 503. */
export const unavailableBody = '{"message":"<Error> nobody can serve this","status":"failure"}';

function routingOver(upstreams: readonly Upstream[], pick: StandOptions["pick"]): Routing {
  return {
    pick(request, tried) {
      const left = upstreams.filter((upstream) => !tried.includes(upstream));
      return pick === undefined ? (left[0] ?? null) : pick(request, left);
    },
    unavailable: () => ({ body: unavailableBody, retryAfterS: 1 }),
  };
}
