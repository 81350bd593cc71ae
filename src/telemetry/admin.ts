// The admin listener: /metrics, /healthz, /readyz, and what others hang onto it. Not the control API of the front
// port: replicas are added and removed there.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { RoundhouseError } from "../errors.ts";
import { allowedMethods, routeFor } from "./admin-routes.ts";
import { hostIsOurs } from "./host-check.ts";
import { listenError } from "./listen-error.ts";
import type { MetricsPage } from "./metrics.ts";
import { failureStatus, readBody, send, sendFailure, sendJson } from "./own-answers.ts";

export interface AdminOptions {
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port; 0 takes any free one. Default 5010. */
  readonly port?: number;
  readonly metrics: MetricsPage;
  /** True when at least one replica can serve and we are not shutting down. */
  readonly ready: () => boolean;
  /** Called before the metrics or a route are answered: fetches what is told elsewhere. */
  readonly gather?: () => Promise<void>;
  /** Further routes by method and path: `GET /api/v1/status`; a part may be a star: `PUT /api/v1/replicas/*`. */
  readonly routes?: Readonly<Record<string, AdminRoute>>;
  /** What answers by itself, such as files and streams of events. */
  readonly takes?: TakesRequest;
}

/** Answers the request and gives true, or false when it is none of its own. `target` is `GET /path`. */
export type TakesRequest = (
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
) => boolean | Promise<boolean>;

export interface AdminRoute {
  /** Null when this request may be answered, else why not (403). */
  refuse(request: IncomingMessage): string | null;
  /** The same, for what the body asks for. Default: whoever may ask may ask for anything. */
  refuseBody?(request: IncomingMessage, body: unknown): string | null;
  /**
   * Gives what is sent as JSON; a RoundhouseError becomes a 400. `body` is the parsed JSON of a POST
   * or PUT, `rest` what stands in the place of the path's star.
   */
  answer(query: URLSearchParams, body: unknown, rest: string): object | Promise<object>;
}

export interface Admin {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

const bodyBytesMax = 64 * 1024;
/** Pages of metrics made at the same time; more → 503. */
const pagesMax = 4;

/** Opens the listener; rejects with PORT_IN_USE or BAD_CONFIG, in words. */
export async function createAdmin(options: AdminOptions): Promise<Admin> {
  const { host = "127.0.0.1", port = 5010 } = options;
  const hosts = isLoopbackHost(host) ? [host] : null;
  const answer = createAnswer(options);
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const { status, problem } = headProblem(request);
    if (status !== 200) return sendFailure(request, response, status, problem);
    if (hosts !== null && !hostIsOurs(request.headers.host, hosts)) {
      return refuseHost(request, response);
    }
    answer(request, response).catch((error: Error) => fail(request, response, error));
  });
  const bound = await listen(server, host, port);
  server.on("error", () => {}); // a failed accept (too many open files) leaves the others served
  return {
    host,
    port: bound,
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const ownTargets = ["GET /metrics", "GET /healthz", "GET /readyz"];

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function createAnswer(options: AdminOptions): Answer {
  const { metrics, ready, routes = {}, gather = async () => {}, takes = () => false } = options;
  let pages = 0;
  async function sendMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (pages >= pagesMax)
      return sendFailure(request, response, 503, `${pages} pages are being made already`);
    pages += 1;
    const text = await gather()
      .then(metrics.text)
      .finally(() => {
        pages -= 1;
      });
    send(request, response, 200, metrics.contentType, text);
  }
  return async (request, response) => {
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    const method = request.method === "HEAD" ? "GET" : (request.method ?? "");
    switch (`${method} ${path}`) {
      case "GET /metrics":
        return sendMetrics(request, response);
      case "GET /healthz":
        return sendJson(request, response, 200, '{"status":"ok"}');
      case "GET /readyz":
        if (ready()) return sendJson(request, response, 200, '{"status":"ready"}');
        return sendJson(request, response, 503, '{"status":"not ready"}');
      default: {
        const [route, rest] = routeFor(routes, `${method} ${path}`);
        if (route !== undefined) await gather();
        if (route !== undefined) return answerRoute(route, { query, rest }, request, response);
        if (await takes(`${method} ${path}`, request, response)) return;
        const allow = allowedMethods(routes, ownTargets, path);
        if (allow !== "") return answerMethod(path, allow, request, response);
        return sendFailure(
          request,
          response,
          404,
          `${method} '${path}' does not exist on the admin listener`,
        );
      }
    }
  };
}

/** What node:http lets through and the front door does not: who is asked, and in which protocol, must be clear. */
function headProblem(request: IncomingMessage): { readonly status: number; readonly problem: string } {
  if (request.httpVersionMajor !== 1)
    return { status: 505, problem: `HTTP/${request.httpVersion} is not spoken here; use HTTP/1.1` };
  if ((request.headersDistinct.host ?? []).length > 1) return { status: 400, problem: "more than one Host" };
  return { status: 200, problem: "" };
}

function answerMethod(path: string, allow: string, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("allow", allow);
  if (request.method === "OPTIONS") return void response.writeHead(204).end();
  sendFailure(request, response, 405, `${request.method} is not a method of ${path}; use ${allow}`);
}

async function answerRoute(
  route: AdminRoute,
  { query, rest }: { readonly query: string; readonly rest: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const reason = route.refuse(request);
  if (reason !== null) return sendFailure(request, response, 403, reason);
  const hasBody = request.method === "POST" || request.method === "PUT";
  const body = hasBody ? parseJson(await readBody(request, bodyBytesMax)) : undefined;
  const bodyRefusal = route.refuseBody?.(request, body) ?? null;
  if (bodyRefusal !== null) return sendFailure(request, response, 403, bodyRefusal);
  const answer = await route.answer(new URLSearchParams(query), body, rest);
  sendJson(request, response, 200, JSON.stringify(answer));
}

/** Nothing is undefined: there are calls that need no words. */
function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw new RoundhouseError("BAD_REQUEST", `The body is not valid JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function fail(request: IncomingMessage, response: ServerResponse, error: Error): void {
  if (response.headersSent || response.destroyed) return;
  sendFailure(request, response, statusOf(error), error.message);
}

/** Here a path names what is asked for; the contract of the front port, where a body does, knows 400 alone. */
function statusOf(error: Error): number {
  return error instanceof RoundhouseError && error.code === "NOT_FOUND" ? 404 : failureStatus(error);
}

/** Whoever listens on another address has opened the page to others, under whatever names they know. */
function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function refuseHost(request: IncomingMessage, response: ServerResponse): void {
  const seen = JSON.stringify(request.headers.host ?? "");
  const advice = "call it as localhost or by its address";
  sendFailure(request, response, 403, `The Host ${seen} is not a name of the admin listener; ${advice}`);
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
  } catch (cause) {
    throw listenError(cause, "admin listener", "--admin-port", host, port);
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
