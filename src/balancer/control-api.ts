// `/rep`, `/add` and `/rm` of the front port: an internal listener on a Unix socket that the data plane forwards to
// like to any upstream. The data plane tells the client's address in `roundhouse-peer` and passes the client's own
// Forwarded, X-Forwarded-* and Via as they came.
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type HTTPMethods,
} from "fastify";
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { peerHeader } from "../proxy/upstream.ts";
import { type AuthorizationPolicy, refusal } from "./authorization.ts";
import { allowedMethods, answerUnknownMethod } from "./control-method.ts";
import { parseReplicaRequest, type ReplicaVerb } from "./replica-request.ts";

export interface ControlApiOptions {
  /** Where to listen; see control-socket.ts. */
  readonly path: string;
  readonly fleet: Pick<Fleet, "serving" | "add" | "remove">;
  readonly policy: AuthorizationPolicy;
  /** True once we are shutting down: then replicas are not changed any more. */
  readonly closing: () => boolean;
}

export interface ControlApi {
  close(): Promise<void>;
}

/** A body holds at most 64 names of 63 characters. */
const bodyBytesMax = 64 * 1024;
/** Changes that wait for the one under way; more → 503. */
const waitingMax = 32;

export async function createControlApi(options: ControlApiOptions): Promise<ControlApi> {
  const app = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    forceCloseConnections: true,
    clientErrorHandler: answerUnknownMethod,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  answerInOneShape(app);
  addRoutes(app, options);
  await app.listen({ path: options.path });
  return { close: () => app.close() };
}

function addRoutes(app: FastifyInstance, options: ControlApiOptions): void {
  const { fleet } = options;
  const authorize = async (request: FastifyRequest, reply: FastifyReply) => {
    const peer = request.headers[peerHeader];
    const reason = refusal(typeof peer === "string" ? peer : "", request.headers, options.policy);
    if (reason !== null) return fail(reply, 403, reason);
  };
  const oneByOne = createQueue(waitingMax);
  const change = (verb: ReplicaVerb) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { count, names } = parseReplicaRequest(
      verb,
      request.headers["content-type"],
      request.body as Buffer | undefined,
    );
    await oneByOne(() => {
      if (options.closing()) throw new RoundhouseError("SHUTTING_DOWN", "The front door is shutting down");
      return verb === "add" ? fleet.add(count, names) : fleet.remove(count, names);
    });
    return answer(reply, 200, membersOf(fleet));
  };
  app.get("/rep", async (_request, reply) => answer(reply, 200, membersOf(fleet)));
  app.post("/add", { onRequest: authorize }, change("add"));
  app.delete("/rm", { onRequest: authorize }, change("remove"));
  for (const [path, methods] of Object.entries(allowedMethods)) refuseOtherMethods(app, path, methods);
}

function membersOf(fleet: Pick<Fleet, "serving">): string {
  const replicas = fleet.serving().map(({ name }) => name);
  return JSON.stringify({ message: { N: replicas.length, replicas }, status: "successful" });
}

function refuseOtherMethods(app: FastifyInstance, path: string, methods: string): void {
  const known = methods.split(", ");
  app.route({
    method: "OPTIONS",
    url: path,
    handler: async (_request, reply) => reply.code(204).header("allow", methods).send(),
  });
  const others = app.supportedMethods.filter((method) => !known.includes(method)) as HTTPMethods[];
  app.route({
    method: others,
    url: path,
    exposeHeadRoute: false,
    // Before the body is read: it does not matter what it says.
    onRequest: async (request, reply) =>
      fail(
        reply.header("allow", methods),
        405,
        `${request.method} is not a method of ${path}; use ${methods}`,
      ),
    handler: async () => {},
  });
}

/** JSON as it is, without a charset: RFC 8259 §11 knows none, and strict clients compare the whole field. */
function answer(reply: FastifyReply, code: number, json: string): FastifyReply {
  return reply.code(code).header("content-type", "application/json").send(Buffer.from(json));
}

function fail(reply: FastifyReply, code: number, message: string): FastifyReply {
  return answer(reply, code, JSON.stringify({ message: `<Error> ${message}`, status: "failure" }));
}

function answerInOneShape(app: FastifyInstance): void {
  app.setNotFoundHandler(async (request, reply) =>
    fail(reply, 404, `'${request.url}' is not part of the control API`),
  );
  app.setErrorHandler<Error & { statusCode?: number }>(async (error, _request, reply) => {
    const code = statusOf(error);
    if (code === 503) reply.header("retry-after", "1");
    return fail(reply, code, code === 413 ? `The body is larger than ${bodyBytesMax} bytes` : error.message);
  });
}

function statusOf(error: Error & { statusCode?: number }): number {
  if (!(error instanceof RoundhouseError)) return error.statusCode ?? 500;
  switch (error.code) {
    case "FORBIDDEN":
      return 403;
    case "TIMEOUT":
    case "START_FAILED":
      return 504;
    case "SHUTTING_DOWN":
    case "UNREACHABLE":
      return 503;
    default:
      return 400;
  }
}

/** Runs tasks one after another; refuses when `waitingMax` wait already. */
function createQueue(max: number): (task: () => Promise<void>) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (task) => {
    if (waiting >= max) {
      throw new RoundhouseError("SHUTTING_DOWN", `${max} changes wait already; try again later`, {
        retryable: true,
      });
    }
    waiting += 1;
    const turn = last.then(task).finally(() => {
      waiting -= 1;
    });
    last = turn.catch(() => {});
    return turn;
  };
}
