// Requests as the course project's own clients send them, and what is checked of the replies.
import assert from "node:assert/strict";
import type { HttpClient } from "../../src/queue/client/http.ts";

export interface Reply {
  readonly status: number;
  readonly message: unknown;
  readonly topic?: string;
}

export interface ApiCaller {
  get(path: string): Promise<Reply>;
  /** The body goes out as JSON, without a Content-Type, as those clients do. */
  post(path: string, body: unknown): Promise<Reply>;
  /** The body goes out as it is. */
  postText(path: string, body: string): Promise<Reply>;
}

/** Every reply must be of the contract's shape, and every failure have status 400. */
export function createApiCaller(http: HttpClient, origin: string): ApiCaller {
  async function call(method: "GET" | "POST", path: string, body?: string): Promise<Reply> {
    const answer = await http.ask(origin, { method, path, ...(body === undefined ? {} : { body }) });
    const said = `${method} ${path} → ${answer.status} ${answer.body.subarray(0, 300)}`;
    const reply = JSON.parse(String(answer.body)) as { message: unknown; status: string; topic?: string };
    const expected = answer.status >= 200 && answer.status < 300 ? "success" : "failure";
    assert.equal(reply.status, expected, said);
    if (expected === "failure") assert.equal(answer.status, 400, said);
    assert.notEqual(reply.message, undefined, said);
    return { ...reply, status: answer.status };
  }
  return {
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, JSON.stringify(body)),
    postText: (path, body) => call("POST", path, body),
  };
}

/** The message of a success. */
export function succeeded(reply: Reply): unknown {
  assert.equal(reply.status, 200, `refused: ${JSON.stringify(reply.message)}`);
  return reply.message;
}

/** The message of a failure. */
export function refused(reply: Reply): string {
  assert.equal(reply.status, 400, `accepted: ${JSON.stringify(reply.message)}`);
  return String(reply.message);
}
