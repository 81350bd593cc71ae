// What the data plane answers itself when a request fails, in the form that the clients of its target know: the routing has
// the say (the queue's native paths speak problem details), and by default it is our JSON. Asked when something has failed,
// so that requests that go well pay nothing for it.
import { failureBody } from "../http/own-answer.ts";
import type { OwnFailure, RoutedRequest, Routing } from "./routing.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { UpstreamFailure } from "./upstream-connection.ts";

export interface OwnReply extends OwnFailure {
  /** Further header lines, each with its CR LF. */
  readonly fields: string;
}

/** Target null: it could not be made out. */
export function ownFailure(
  routing: Routing,
  target: string | null,
  status: number,
  problem: string,
  fields = "",
): OwnReply {
  const form = target === null ? undefined : routing.failure?.(target, status, problem);
  return { ...(form ?? { status, type: "application/json", body: failureBody(problem) }), fields };
}

/** Nobody is there to be asked. */
export function nobodyServes(routing: Routing, request: RoutedRequest): OwnReply {
  const { body, retryAfterS, status = 503, type = "application/json" } = routing.unavailable(request);
  return { status, body, type, fields: `Retry-After: ${retryAfterS}\r\n` };
}

/** Whose failure a client learns of, and which. */
export interface Culprit {
  readonly upstream: PooledUpstream;
  readonly failure: UpstreamFailure;
}

/** Who was asked failed, and nothing more is to be tried; counted. */
export function gaveUp(routing: Routing, target: string, { upstream, failure }: Culprit): OwnReply {
  const isFull = failure === "full";
  if (isFull) upstream.stats.turnedAway++;
  else upstream.stats.failed++;
  const status = isFull ? 503 : failure === "response-timeout" ? 504 : 502;
  const words = failureText(upstream.name, failure);
  return ownFailure(routing, target, status, words, isFull ? "Retry-After: 1\r\n" : "");
}

function failureText(upstreamName: string, failure: UpstreamFailure): string {
  if (failure === "full") return `${upstreamName} has as many requests as it may; try again in a moment`;
  if (failure === "response-timeout") return `${upstreamName} did not answer in time`;
  if (failure === "protocol") return `${upstreamName} sent a malformed answer`;
  return `${upstreamName} closed the connection before its answer was complete`;
}
