// The way of a request to the queue: may it be served here, by whom, and what is said when it may not. The seam to the
// data plane is proxy/routing.ts. Who may use the queue is decided here, so that brokers need no policy of their own.
import type { IncomingHttpHeaders } from "node:http";
import { failureBody } from "../http/own-answer.ts";
import type { OwnFailure, RoutedRequest, Routing } from "../proxy/routing.ts";
import { type ProblemCode, problemAnswer, WireProblem } from "../queue/wire/problem.ts";
import { type AuthorizationPolicy, refusal } from "./authorization.ts";
import type { QueueSettings } from "./queue-options.ts";
import { hasEffects, type PathReader, pathReader, type QueuePath, type QueuePort } from "./queue-paths.ts";
import type { QueueUpstreams } from "./queue-upstreams.ts";

/** All that the course's clients know. */
const courseFailure = 400;

/** Routing of a port that serves nothing but the queue. */
export function queueRouting(
  port: QueuePort,
  upstreams: QueueUpstreams,
  policy: AuthorizationPolicy,
): Routing {
  const read = pathReader(port, true);
  // Only the course's clients use the read port, and they know no other failure.
  const formOf = (path: QueuePath | null): Form =>
    path === "course" || port === "read" ? courseForm : problemForm;
  return {
    pick(request, tried) {
      const { target } = request;
      const path = read(target);
      if (path === null) return null;
      if (hasEffects(target)) request.atMostOnce = true;
      if (tried.length === 0 && refusalOf(request, policy) !== null) return null;
      return upstreams.pick(target, tried);
    },
    unavailable(request) {
      const { method, target } = request;
      const path = read(target);
      const form = formOf(path);
      if (path === null) {
        const name = target.split("?", 1)[0] as string;
        return { ...form(404, `${method} ${name} does not exist on this port`), retryAfterS: 1 };
      }
      const reason = refusalOf(request, policy);
      if (reason !== null) return { ...form(403, reason), retryAfterS: 1 };
      return { ...form(503, "The queue cannot be reached now; try again in a moment"), retryAfterS: 1 };
    },
    failure: (target, status, problem) => formOf(read(target))(status, problem),
  };
}

/** The front port's: what is not the queue's goes its usual way. */
export function frontPortRouting(
  routing: Routing,
  upstreams: QueueUpstreams,
  { nativeOnFront }: Pick<QueueSettings, "nativeOnFront">,
  policy: AuthorizationPolicy,
): Routing {
  return withQueue(routing, pathReader("front", nativeOnFront), queueRouting("front", upstreams, policy));
}

function withQueue(routing: Routing, read: PathReader, queue: Routing): Routing {
  const of = ({ target }: RoutedRequest): Routing => (read(target) === null ? routing : queue);
  return {
    pick: (request, tried) => of(request).pick(request, tried),
    unavailable: (request) => of(request).unavailable(request),
    failure: (target, status, problem) =>
      (read(target) === null ? routing : queue).failure?.(target, status, problem),
  };
}

type Form = (status: number, problem: string) => OwnFailure;

const courseForm: Form = (_status, problem) => ({
  status: courseFailure,
  type: "application/json",
  body: failureBody(problem),
});

/** RFC 9457, as brokers have it themselves. */
const problemForm: Form = (status, problem) => {
  const { type, body } = problemAnswer(
    new WireProblem(status, problemCodes[status] ?? "MALFORMED_HTTP", problem),
  );
  return { status, type, body: String(body) };
};

const problemCodes: Readonly<Record<number, ProblemCode>> = {
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  405: "METHOD_NOT_ALLOWED",
  413: "TOO_LARGE",
  502: "UNREACHABLE",
  503: "UNREACHABLE",
  504: "TIMEOUT",
};

/** The fields that decide who asks; see authorization.ts. */
const decisive = [
  "origin",
  "sec-fetch-site",
  "host",
  "authorization",
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
] as const;

function refusalOf(request: RoutedRequest, policy: AuthorizationPolicy): string | null {
  const headers: IncomingHttpHeaders = {};
  for (const name of decisive) {
    const value = request.header(name);
    if (value !== undefined) headers[name] = value;
  }
  return refusal(request.peerAddress, headers, policy, "the queue");
}
