// `/rep`, `/add` and `/rm` of the front port: an internal listener on a Unix socket that the data plane forwards to
// like to any upstream. The data plane tells the client's address in `roundhouse-peer` and passes the client's own
// Forwarded, X-Forwarded-* and Via as they came.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { peerHeader } from "../proxy/upstream.ts";
import { failureStatus, readBody, sendFailure, sendJson } from "../telemetry/own-answers.ts";
import { type AuthorizationPolicy, refusal } from "./authorization.ts";
import { allowedMethods, answerUnknownMethod } from "./control-method.ts";
import type { ChangeReplicas, ControlledFleet } from "./replica-changes.ts";
import { parseReplicaRequest, type ReplicaVerb } from "./replica-request.ts";

export interface ControlApiOptions {
  /** Where to listen; see control-socket.ts. */
  readonly path: string;
  readonly fleet: Pick<ControlledFleet, "serving">;
  readonly change: ChangeReplicas;
  readonly policy: AuthorizationPolicy;
}

export interface ControlApi {
  close(): Promise<void>;
}

/** A body holds at most 64 names of 63 characters. */
const bodyBytesMax = 64 * 1024;

export async function createControlApi(options: ControlApiOptions): Promise<ControlApi> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error: Error) => fail(request, response, error));
  });
  // The data plane keeps its connections until they are idle too long for it; it must be the one that closes them.
  server.keepAliveTimeout = 60_000;
  server.on("clientError", answerUnknownMethod);
  server.listen({ path: options.path });
  await once(server, "listening");
  server.on("error", () => {}); // a failed accept (too many open files) leaves the others served
  return {
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ControlApiOptions,
): Promise<void> {
  const path = request.url?.split("?", 1)[0] ?? "";
  const method = request.method ?? "";
  const allow = allowedMethods[path];
  if (allow === undefined)
    return sendFailure(request, response, 404, `'${path}' is not part of the control API`);
  if (method === "OPTIONS") return void response.writeHead(204, { allow }).end();
  if (!allow.split(", ").includes(method)) {
    response.setHeader("allow", allow);
    return sendFailure(request, response, 405, `${method} is not a method of ${path}; use ${allow}`);
  }
  if (path !== "/rep") {
    const reason = refusal(peerOf(request), request.headers, options.policy);
    if (reason !== null) return sendFailure(request, response, 403, reason);
    await changeReplicas(path === "/add" ? "add" : "remove", request, options.change);
  }
  sendJson(request, response, 200, membersOf(options.fleet));
}

function peerOf(request: IncomingMessage): string {
  const peer = request.headers[peerHeader];
  return typeof peer === "string" ? peer : "";
}

async function changeReplicas(
  verb: ReplicaVerb,
  request: IncomingMessage,
  change: ChangeReplicas,
): Promise<void> {
  const body = await readBody(request, bodyBytesMax);
  await change(verb, parseReplicaRequest(verb, request.headers["content-type"], body));
}

function membersOf(fleet: ControlApiOptions["fleet"]): string {
  const replicas = fleet.serving().map(({ name }) => name);
  return JSON.stringify({ message: { N: replicas.length, replicas }, status: "successful" });
}

function fail(request: IncomingMessage, response: ServerResponse, error: Error): void {
  if (response.headersSent || response.destroyed) return;
  const status = failureStatus(error);
  if (status === 503) response.setHeader("retry-after", "1");
  sendFailure(request, response, status, error.message);
}
