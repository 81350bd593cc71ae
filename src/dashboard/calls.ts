// Calls of the admin API: JSON both ways, the token along, and failures as errors in the server's own words.
import { credentials } from "./session.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Rejects with an Error whose message may be shown. */
export async function call<Answer>(
  method: Method,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  const response = await send(method, path, body, signal);
  const text = await response.text();
  if (response.ok) return (text === "" ? null : JSON.parse(text)) as Answer;
  throw new Error(failureIn(text) ?? `The server answered ${response.status} to ${method} ${path}`);
}

async function send(method: Method, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      headers: { ...credentials(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new Error("The server cannot be reached", { cause });
  }
}

/** `{"message":"<Error> …"}` is the contract's shape of a failure, `{"detail":"…"}` the queue's (RFC 9457). */
function failureIn(text: string): string | null {
  try {
    const { message: own, detail } = JSON.parse(text) as { message?: unknown; detail?: unknown };
    const message = own ?? detail;
    return typeof message === "string" ? message.replace(/^<Error> /, "") : null;
  } catch {
    return null;
  }
}
