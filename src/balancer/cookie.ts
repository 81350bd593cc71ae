// Reading one cookie off a Cookie header, and the sticky cookie that the front door may issue. Values are opaque
// bytes here: not unquoted, not decoded.
import { randomBytes } from "node:crypto";
import { RoundhouseError } from "../errors.ts";
import type { RoutedRequest } from "../proxy/routing.ts";
import type { Key } from "../ring/ring.ts";

/** The first cookie of that name (RFC 6265 §4.2.1); undefined when it is missing or empty. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  let start = 0;
  while (start < header.length) {
    const semicolon = header.indexOf(";", start);
    const end = semicolon === -1 ? header.length : semicolon;
    while (start < end && (header[start] === " " || header[start] === "\t")) start += 1;
    if (header.startsWith(name, start) && header.charCodeAt(start + name.length) === 0x3d) {
      return header.slice(start + name.length + 1, end).trimEnd() || undefined;
    }
    start = end + 1;
  }
  return undefined;
}

export interface StickyCookieOptions {
  /** Name of the cookie. Default `roundhouse`. */
  readonly name?: string;
  /** In seconds; absent: until the browser closes. */
  readonly maxAgeS?: number;
  /** Sent over TLS only. Default false. */
  readonly secure?: boolean;
  /** Default `Lax`. `None` needs `secure`. */
  readonly sameSite?: "Strict" | "Lax" | "None";
  /** Default `/`. */
  readonly path?: string;
  /** Default: the host that issued it, alone. */
  readonly domain?: string;
}

/**
 * A key source that a client keeps: a request without the cookie gets one with a fresh random value and is routed by
 * that value, so its next request lands on the same replica. The value names no replica, so it stays good when
 * replicas come and go.
 */
export function stickyCookie(options: StickyCookieOptions): (request: RoutedRequest) => Key {
  const name = options.name ?? "roundhouse";
  const attributes = cookieAttributes(name, options);
  return (request) => {
    const known = cookieValue(request.header("cookie"), name);
    if (known !== undefined) return known;
    // A second pick for the same exchange (its first replica failed) must not issue another value.
    const issued = cookieValue(request.setCookie, name);
    if (issued !== undefined) return issued;
    const value = randomBytes(12).toString("base64url");
    request.setCookie = `${name}=${value}${attributes}`;
    return value;
  };
}

/** RFC 6265 §4.1.1; always HttpOnly. Throws BAD_CONFIG on what would end an attribute or is refused by browsers. */
function cookieAttributes(name: string, options: StickyCookieOptions): string {
  const { path = "/", sameSite = "Lax", secure = false, domain, maxAgeS } = options;
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw badCookie("name", name, "letters, digits, - and _");
  if (!/^\/[\x21-\x3a\x3c-\x7e]*$/.test(path))
    throw badCookie("path", path, "a path that begins with / and has no ;");
  if (domain !== undefined && !/^[A-Za-z0-9.-]+$/.test(domain))
    throw badCookie("domain", domain, "a domain name");
  if (maxAgeS !== undefined && !Number.isSafeInteger(maxAgeS))
    throw badCookie("maxAgeS", maxAgeS, "whole seconds");
  if (sameSite === "None" && !secure)
    throw badCookie("sameSite", sameSite, "Strict or Lax, or secure: true with None");
  return [
    `; Path=${path}; HttpOnly; SameSite=${sameSite}`,
    secure ? "; Secure" : "",
    domain === undefined ? "" : `; Domain=${domain}`,
    maxAgeS === undefined ? "" : `; Max-Age=${maxAgeS}`,
  ].join("");
}

function badCookie(option: string, seen: unknown, accepted: string): RoundhouseError {
  return new RoundhouseError(
    "BAD_CONFIG",
    `The sticky cookie's ${option} is ${JSON.stringify(seen)}; accepted: ${accepted}`,
  );
}
