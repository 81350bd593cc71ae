// The admin listener: /metrics, /healthz, /readyz, and what others hang onto it. Not the control API of the front
// port, and nothing here changes a replica.
import { isIP } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import { RoundhouseError } from "../errors.ts";
import { hostIsOurs } from "./host-check.ts";
import type { MetricsPage } from "./metrics.ts";

export interface AdminOptions {
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port; 0 takes any free one. Default 5010. */
  readonly port?: number;
  readonly metrics: MetricsPage;
  /** True when at least one replica can serve and we are not shutting down. */
  readonly ready: () => boolean;
  /** Adds routes, for example `/api/v1`. */
  readonly extend?: (app: FastifyInstance) => void;
}

export interface Admin {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Opens the listener; rejects with PORT_IN_USE or BAD_CONFIG, in words. */
export async function createAdmin(options: AdminOptions): Promise<Admin> {
  const host = options.host ?? "127.0.0.1";
  const port = options.port ?? 5010;
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
  });
  speakInOneShape(app);
  if (isLoopbackHost(host)) refuseForeignHosts(app, host);
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const ready = options.ready();
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not ready" });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.header("content-type", options.metrics.contentType).send(await options.metrics.text()),
  );
  options.extend?.(app);
  await listen(app, host, port);
  const address = app.server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return { host, port: bound, close: () => app.close() };
}

/** Every failure has the shape of the front door's: `{"message":"<Error> …","status":"failure"}`. */
function speakInOneShape(app: FastifyInstance): void {
  app.setNotFoundHandler(async (request, reply) =>
    reply.code(404).send(failure(`'${request.url}' does not exist on the admin listener`)),
  );
  app.setErrorHandler<Error & { statusCode?: number }>(async (error, _request, reply) => {
    const code = error.statusCode ?? (error instanceof RoundhouseError ? 400 : 500);
    return reply.code(code).send(failure(error.message));
  });
}

function failure(message: string) {
  return { message: `<Error> ${message}`, status: "failure" };
}

function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Whoever listens on another address has opened the page to others, under whatever names they know. */
function refuseForeignHosts(app: FastifyInstance, host: string): void {
  app.addHook("onRequest", async (request, reply) => {
    if (hostIsOurs(request.headers.host, [host])) return;
    const seen = JSON.stringify(request.headers.host ?? "");
    const message = `The Host ${seen} is not a name of the admin listener; call it as localhost or by its address`;
    return reply.code(403).send(failure(message));
  });
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    throw listenError(cause, "admin listener", "--admin-port", host, port);
  }
}

/** Why a listener could not be opened, and what to do about it. */
export function listenError(
  cause: unknown,
  what: string,
  option: string,
  host: string,
  port: number,
): RoundhouseError {
  const code = (cause as NodeJS.ErrnoException).code;
  const where = `Cannot open the ${what} on ${host}:${port}`;
  if (code === "EADDRINUSE") {
    const advice = `another program listens there; stop it, or choose another port with ${option} (0 takes a free one)`;
    return new RoundhouseError("PORT_IN_USE", `${where}: the port is in use: ${advice}`, { cause });
  }
  const reasons: Record<string, string> = {
    EACCES: `this user may not use port ${port}; choose one above 1023 with ${option}`,
    EADDRNOTAVAIL: `no network interface of this machine has the address ${host}; try 127.0.0.1 or 0.0.0.0`,
    ENOTFOUND: `the name ${host} is not known; give an address such as 127.0.0.1`,
  };
  const reason = reasons[code ?? ""] ?? String((cause as Error).message);
  return new RoundhouseError("BAD_CONFIG", `${where}: ${reason}`, { cause });
}
