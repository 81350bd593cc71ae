// The queue for the dashboard, which may ask nobody but the admin listener: `/api/v1/queue/v1/topics…` is passed on to a
// broker as `/v1/topics…`, whose answer goes back as it is (docs/queue-api.md). Only topics and consumers: what is for
// operators (backups, compactions) is not asked for by a page. Who may read and change here may do so there.
import { request as ask, type IncomingMessage, type RequestOptions, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { TakesRequest } from "../../telemetry/admin.ts";
import { readBody, sendFailure } from "../../telemetry/own-answers.ts";
import type { QueueHouse } from "../queue-house.ts";

export interface QueuePassParts {
  readonly queue: Pick<QueueHouse, "map" | "desk">;
  /** Null when this request may be passed on, else why not (403). */
  readonly refuse: (request: IncomingMessage) => string | null;
}

const prefix = "/api/v1/queue";
const bodyBytesMax = 2 * 1024 * 1024;
/** An answer that does not come by then is given up. */
const patienceMs = 20_000;
/** Under way at the same time; more → 503. */
const passedMax = 32;

export function createQueuePass({ queue, refuse }: QueuePassParts): TakesRequest {
  let passed = 0;
  let turn = 0;

  /** Any broker knows who owns what; the desk does while none lives. */
  function somebody(): { readonly host: string; readonly port: number } {
    const live = queue.map().brokers.filter(({ phase, port }) => phase === "live" && port > 0);
    turn += 1;
    return live[turn % live.length] ?? queue.desk;
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reason = refuse(request);
    if (reason !== null) return sendFailure(request, response, 403, reason);
    if (passed >= passedMax)
      return sendFailure(request, response, 503, `${passed} requests for the queue are under way already`);
    passed += 1;
    try {
      const body = await readBody(request, bodyBytesMax);
      await forward(request, response, somebody(), body);
    } finally {
      passed -= 1;
    }
  }

  return async (target, request, response) => {
    const path = target.slice(target.indexOf(" ") + 1);
    if (path !== `${prefix}/v1/topics` && !path.startsWith(`${prefix}/v1/topics/`)) return false;
    await pass(request, response);
    return true;
  };
}

/** Without Origin and the like: they were judged here, and brokers take no requests from pages. */
async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  to: { readonly host: string; readonly port: number },
  body: Buffer,
): Promise<void> {
  const { accept, "content-type": type } = request.headers;
  const options: RequestOptions = {
    host: to.host,
    port: to.port,
    method: request.method ?? "GET",
    path: (request.url ?? "").slice(prefix.length),
    headers: {
      ...(accept === undefined ? {} : { accept }),
      ...(type === undefined ? {} : { "content-type": type }),
      ...(body.length === 0 ? {} : { "content-length": body.length }),
    },
    timeout: patienceMs,
    agent: false,
  };
  try {
    const answer = await answerTo(options, body);
    const { "content-type": answerType, "content-length": length } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, {
      "cache-control": "no-store",
      ...(answerType === undefined ? {} : { "content-type": answerType }),
      ...(length === undefined ? {} : { "content-length": length }),
    });
    await pipeline(answer, response);
  } catch (error) {
    // Cut off midway: then so is what we send.
    if (response.headersSent) response.destroy();
    else sendFailure(request, response, 502, `The queue did not answer: ${(error as Error).message}`);
  }
}

function answerTo(options: RequestOptions, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = ask(options, resolve);
    asked.on("timeout", () => asked.destroy(new Error(`nothing came within ${patienceMs} ms`)));
    asked.on("error", reject);
    asked.end(body);
  });
}
