// From a request to its route: finds it, checks query and body by its schemas, runs it, and makes problem details of
// what it throws.
import type { z } from "zod";
import { parseJson } from "../json-scanner.ts";
import { problemAnswer, problemOf, WireProblem } from "../problem.ts";
import type { Answer, WireRequest } from "../service.ts";
import { openApiDocument } from "./openapi.ts";
import type { Call, NativeHost, Route } from "./route.ts";
import { routes } from "./routes.ts";

/** By the number of the path's parts, then in the table's order. */
const byLength = new Map<number, { route: Route; parts: readonly string[] }[]>();
for (const route of routes) {
  const parts = route.path.split("/");
  byLength.set(parts.length, [...(byLength.get(parts.length) ?? []), { route, parts }]);
}

export const NATIVE_PREFIX = "/v1/";
const DOCUMENT_PATH = "/v1/openapi.json";
let document: string | undefined;

export function serveNative(host: NativeHost, request: WireRequest): Answer | Promise<Answer> {
  try {
    if (request.path === DOCUMENT_PATH) return serveDocument(request);
    const answer = dispatch(host, request);
    return answer instanceof Promise
      ? answer.catch((error: unknown) => failed(host, request, error))
      : answer;
  } catch (error) {
    return failed(host, request, error);
  }
}

function serveDocument({ method }: WireRequest): Answer {
  if (method !== "GET" && method !== "HEAD") throw notAllowed(method, DOCUMENT_PATH, ["GET"]);
  document ??= JSON.stringify(openApiDocument());
  return { status: 200, type: "application/json", body: document };
}

function failed({ node }: NativeHost, { method, path }: WireRequest, error: unknown): Answer {
  const problem = problemOf(error);
  if (problem.code === "INTERNAL") node.log.error({ err: error, method, path }, "a request failed");
  return problemAnswer(problem);
}

function dispatch(host: NativeHost, request: WireRequest): Answer | Promise<Answer> {
  const segments = request.path.split("/");
  const method = request.method === "HEAD" ? "GET" : request.method;
  const allowed: string[] = [];
  for (const { route, parts } of byLength.get(segments.length) ?? []) {
    if (!matches(parts, segments)) continue;
    if (route.method === method) return run(host, request, route, parts, segments);
    allowed.push(route.method);
  }
  if (allowed.length > 0) throw notAllowed(request.method, request.path, allowed);
  const detail = `Cannot find ${request.path.slice(0, 300)}: /v1/openapi.json describes the paths there are`;
  throw new WireProblem(404, "NOT_FOUND", detail);
}

function notAllowed(method: string, path: string, allowed: readonly string[]): WireProblem {
  const allow = [...new Set(allowed)].join(", ");
  const detail = `Cannot ${method} ${path.slice(0, 300)}: ${allow} is served there`;
  return new WireProblem(405, "METHOD_NOT_ALLOWED", detail, { allow });
}

function matches(parts: readonly string[], segments: readonly string[]): boolean {
  for (let i = 1; i < parts.length; i++) {
    if (parts[i] !== segments[i] && (parts[i] as string).charCodeAt(0) !== 123) return false;
  }
  return true;
}

function run(
  host: NativeHost,
  request: WireRequest,
  route: Route,
  parts: readonly string[],
  segments: readonly string[],
): Answer | Promise<Answer> {
  const params: string[] = [];
  for (let i = 2; i < parts.length; i++) {
    if ((parts[i] as string).charCodeAt(0) === 123) params.push(decoded(segments[i] as string));
  }
  const query = checkedQuery(route, request.query);
  const body = route.body === null ? undefined : checked(route.body, parseJson(request.body), "body");
  return route.run(host, { request, params, query, body } as unknown as Call<never, never>);
}

function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new WireProblem(
      400,
      "BAD_REQUEST",
      `Cannot decode "${segment.slice(0, 100)}" of the path: it is not UTF-8`,
    );
  }
}

const nothing = {};

function checkedQuery(route: Route, text: string): unknown {
  if (text === "" && route.query === null) return nothing;
  const given: Record<string, string> = {};
  for (const [name, value] of pairsOf(text)) {
    if (Object.hasOwn(given, name)) throw badQuery(`${name} comes twice`);
    given[name] = value;
  }
  if (route.query !== null) return checked(route.query, given, "query");
  throw badQuery(`${Object.keys(given).join(", ")} is not known here`);
}

/** As URLSearchParams has them; a query without escapes, as every fetch of ours, needs none of its work. */
function pairsOf(text: string): Iterable<readonly [string, string]> {
  if (text.includes("%") || text.includes("+")) return new URLSearchParams(text);
  return text
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const mark = part.indexOf("=");
      return mark < 0 ? [part, ""] : [part.slice(0, mark), part.slice(mark + 1)];
    });
}

const badQuery = (why: string): WireProblem =>
  new WireProblem(400, "BAD_REQUEST", `Cannot use the query: ${why.slice(0, 300)}`);

function checked(schema: z.ZodType, value: unknown, what: "query" | "body"): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  const first = issues[0];
  const place = first === undefined || first.path === "" ? "" : `${first.path}: `;
  const detail = `Cannot use the ${what}: ${place}${first?.message ?? "it is not as described"}`;
  throw new WireProblem(400, "BAD_REQUEST", detail, { issues: issues.slice(0, 10) });
}
