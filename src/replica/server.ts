// The built-in replica server, `roundhouse serve`: what a fleet runs when no command is given. It imports node:http
// and nothing else, since every new replica waits for it to load.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export interface ReplicaServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Appears in the greeting; a replica's name. */
  readonly id: string;
}

export interface ReplicaServer {
  /** The port it listens on. */
  readonly port: number;
  /** Finishes the requests in flight, closes idle connections, and resolves when all are gone. */
  close(): Promise<void>;
}

/** Front doors retire idle connections earlier; a longer time-out here means that they, not we, close first. In ms. */
const idleMs = 65_000;

/** Listens; rejects when it cannot (the port is in use …). */
export function serveReplica({ host, port, id }: ReplicaServerOptions): Promise<ReplicaServer> {
  const server = createServer({ keepAliveTimeout: idleMs }, (request, response) =>
    answer(id, request, response),
  );
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      resolve({ port: bound, close: () => close(server) });
    });
  });
}

function answer(id: string, request: IncomingMessage, response: ServerResponse): void {
  // Read and thrown away, so that the connection can be used again.
  request.resume();
  const target = request.url ?? "/";
  const path = target.split("?", 1)[0];
  const reads = request.method === "GET" || request.method === "HEAD";
  if (reads && path === "/heartbeat") {
    response.writeHead(200, { "content-length": 0 }).end();
  } else if (reads && path === "/home") {
    send(response, 200, { message: `Hello from Server: ${id}`, status: "successful" });
  } else {
    const message = `<Error> '${path}' endpoint does not exist in server replicas`;
    send(response, 400, { message, status: "failure" });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection becomes idle when its last answer is out: looked for until none is left.
    const sweep = setInterval(() => server.closeIdleConnections(), 10);
    server.close(() => {
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** Serves until SIGTERM or SIGINT, then finishes what it has and exits with 0. What `roundhouse serve` does. */
export async function serveUntilSignalled(options: ReplicaServerOptions): Promise<ReplicaServer> {
  const server = await serveReplica(options);
  const end = (): void => void server.close().then(() => process.exit(0));
  process.once("SIGTERM", end).once("SIGINT", end);
  return server;
}
