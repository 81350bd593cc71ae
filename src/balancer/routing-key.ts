// What a request is routed by: `--key path`, `--key cookie:SID,ip`, or the user's own function. Keys are taken from
// the raw bytes as received and never decoded: `/a%2Fb` and `/a/b` are two keys.
import type { BlockList } from "node:net";
import { RoundhouseError } from "../errors.ts";
import type { RoutedRequest } from "../proxy/routing.ts";
import type { Key } from "../ring/ring.ts";
import { clientAddress } from "./client-address.ts";
import { cookieValue } from "./cookie.ts";

/** The user's own: undefined means "this request has none", and the next source is asked. */
export type KeyFunction = (request: RoutedRequest) => Key | undefined;

/** An expression (`cookie:SID,ip`), a function, or several of both in order of preference. */
export type KeyOption = string | KeyFunction | readonly (string | KeyFunction)[];

/** Where a key may come from; undefined when the request lacks it. */
export type KeySource = (request: RoutedRequest) => Key | undefined;

/** What {@link parseKey} needs to know besides the expression. */
export interface KeyContext {
  /** Networks whose X-Forwarded-For is believed, or null for none. */
  readonly trusted: BlockList | null;
  /** The last resort, and what `random` stands for: a random id, or the issued sticky cookie. */
  readonly otherwise: (request: RoutedRequest) => Key;
  /** The user's function threw, or gave something that is no key. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** Shown by `--help` and in errors. */
export const keyForms = "random, path, query, uri, ip, header:NAME, cookie:NAME, query:NAME";

/** A random six-digit request id, as the course's H(i) takes it: requests without a key spread evenly. */
export function randomId(): number {
  return 100_000 + Math.floor(Math.random() * 900_000);
}

/** One source for all: the first that the request has, else the last resort. Throws BAD_CONFIG, in words. */
export function parseKey(option: KeyOption, context: KeyContext): (request: RoutedRequest) => Key {
  const parts = typeof option === "object" ? option : [option];
  const sources = parts.flatMap((part) =>
    typeof part === "function" ? [guarded(part, context.onError)] : parseExpression(part, context),
  );
  const [first, ...rest] = sources;
  if (first === undefined) throw badKey("", "is empty");
  if (rest.length === 0) return (request) => first(request) ?? context.otherwise(request);
  return (request) => {
    for (const source of sources) {
      const key = source(request);
      if (key !== undefined) return key;
    }
    return context.otherwise(request);
  };
}

function parseExpression(expression: string, context: KeyContext): KeySource[] {
  return expression.split(",").map((part) => parseSource(part.trim(), context));
}

function parseSource(text: string, context: KeyContext): KeySource {
  const [kind = "", ...after] = text.split(":");
  const name = after.length === 0 ? undefined : after.join(":");
  if (name !== undefined) return namedSource(text, kind, name);
  switch (kind) {
    case "random":
      return context.otherwise;
    case "path":
      return (request) => rawPath(request.target);
    case "query":
      return (request) => rawQuery(request.target);
    case "uri":
      return (request) => request.target;
    case "ip":
      return (request) => clientAddress(request, context.trusted);
    case "header":
    case "cookie":
      throw badKey(text, `needs a name, for example ${kind}:${kind === "header" ? "X-User-Id" : "SID"}`);
    default:
      throw badKey(text, "is not known");
  }
}

/** A field name or cookie name: a token (RFC 9110 §5.6.2). */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function namedSource(text: string, kind: string, name: string): KeySource {
  if (kind === "query") {
    if (name === "" || /[&=#\s]/.test(name))
      throw badKey(text, "needs a parameter's name, for example query:user");
    return (request) => queryValue(request.target, name);
  }
  if (kind !== "header" && kind !== "cookie") throw badKey(text, "is not known");
  if (!token.test(name)) throw badKey(text, `has a name that no ${kind} can have`);
  if (kind === "cookie") return (request) => cookieValue(request.header("cookie"), name);
  const lower = name.toLowerCase();
  return (request) => request.header(lower) || undefined;
}

function badKey(text: string, what: string): RoundhouseError {
  return new RoundhouseError(
    "BAD_CONFIG",
    `The routing key ${JSON.stringify(text)} ${what}; accepted: ${keyForms}, or several in order of preference, separated by commas`,
  );
}

/** The target up to its `?`, as received. */
export function rawPath(target: string): string {
  const mark = target.indexOf("?");
  return mark === -1 ? target : target.slice(0, mark);
}

function rawQuery(target: string): string | undefined {
  const mark = target.indexOf("?");
  return mark === -1 ? undefined : target.slice(mark + 1) || undefined;
}

/** The first parameter of that name, undecoded; undefined when it is missing or empty. */
function queryValue(target: string, name: string): string | undefined {
  let start = target.indexOf("?") + 1;
  while (start > 0) {
    const end = target.indexOf("&", start);
    if (target.startsWith(name, start) && target.charCodeAt(start + name.length) === 0x3d) {
      return target.slice(start + name.length + 1, end === -1 ? undefined : end) || undefined;
    }
    start = end + 1;
  }
  return undefined;
}

/** A user's function may throw and may return anything; neither may reach the data plane. */
function guarded(source: KeyFunction, onError: (error: unknown) => void): KeySource {
  return (request) => {
    try {
      const key: unknown = source(request);
      if (key === undefined || key === null || key === "") return undefined;
      if (typeof key === "string") return key;
      if (typeof key === "number" && Number.isFinite(key)) {
        return Number.isSafeInteger(key) && key >= 0 ? key : String(key);
      }
      onError(
        new TypeError(`it returned ${describe(key)}; a string, a finite number or undefined is needed`),
      );
    } catch (error) {
      onError(error);
    }
    return undefined;
  };
}

function describe(value: unknown): string {
  if (value instanceof Promise) return "a promise (the function must not be async)";
  return typeof value === "number" ? String(value) : `a value of type ${typeof value}`;
}
