// Who may change the replicas. Pure: a decision about one request, with the reason for a refusal in words.
//
// Allowed is a loopback peer that nobody forwarded (else a proxy on this host would open the door to the world), a
// peer in an allowed network, or whoever has the token. A browser could be made to call us by another site's page:
// such a request shows a foreign Origin, or, when that site's name was rebound to our address, a foreign Host.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { type BlockList, isIP } from "node:net";
import { hostIsOurs } from "../telemetry/host-check.ts";
import { addressIsIn, plainAddress } from "./client-address.ts";

export interface AuthorizationPolicy {
  /** `--allow`: networks whose peers may change replicas, or null for none. */
  readonly allow: BlockList | null;
  /** `--token`; undefined: no token is accepted. */
  readonly token: string | undefined;
  /** Names under which this front door is called, besides addresses and `localhost`. */
  readonly names: readonly string[];
}

/** Null when the request may change replicas (or what else there is), else why it may not. */
export function refusal(
  peerAddress: string,
  headers: IncomingHttpHeaders,
  policy: AuthorizationPolicy,
  what = "replicas",
): string | null {
  if (isForeignOrigin(headers)) {
    return `pages of another site (${headers.origin ?? "cross-site"}) may not change ${what}`;
  }
  if (hasToken(headers.authorization, policy.token)) return null;
  const peer = plainAddress(peerAddress);
  const loopback = isLoopback(peer);
  const forwardedBy = forwardingField(headers);
  if (loopback && forwardedBy === undefined) return hostRefusal(headers.host, policy.names);
  if (policy.allow !== null && addressIsIn(policy.allow, peer)) {
    return isBrowser(headers) ? hostRefusal(headers.host, policy.names) : null;
  }
  const why = loopback
    ? `a request with ${forwardedBy} was forwarded for somebody else`
    : `${peer === "" ? "an unknown peer" : peer} is not a loopback address`;
  return `${why}, and ${what} may be changed only over loopback (127.0.0.1, ::1), from networks named by --allow, or with the bearer token`;
}

/**
 * Null when a browser's page may make this change, else why not. Where there is a token the page is read-only until
 * somebody has logged in: who sits before a browser is less certain than who types a command on this machine.
 */
export function pageRefusal(headers: IncomingHttpHeaders, { token }: AuthorizationPolicy): string | null {
  if (token === undefined || !isBrowser(headers) || hasToken(headers.authorization, token)) return null;
  return headers.authorization === undefined
    ? "the page is read-only until you log in with the token"
    : "the token is not the one that was set with --token";
}

/** For what the token alone allows, once a request has passed {@link refusal}. Null when it has the token. */
export function tokenRefusal(headers: IncomingHttpHeaders, policy: AuthorizationPolicy): string | null {
  if (hasToken(headers.authorization, policy.token)) return null;
  const how =
    policy.token === undefined
      ? "there is none: start the front door with --token or ROUNDHOUSE_TOKEN"
      : "give it with --token or ROUNDHOUSE_TOKEN";
  return `to name a program that is run takes the bearer token, from this machine too; ${how}`;
}

function hostRefusal(host: string | undefined, names: readonly string[]): string | null {
  if (hostIsOurs(host, names)) return null;
  return `the Host ${JSON.stringify(host ?? "")} is not a name of this front door; call it as localhost, by its address or by this machine's name`;
}

export function isLoopback(address: string): boolean {
  return (isIP(address) === 4 && address.startsWith("127.")) || address === "::1";
}

/** The field that shows that a proxy stands between; its name, for the message. */
function forwardingField(headers: IncomingHttpHeaders): string | undefined {
  return Object.keys(headers).find(
    (name) => name === "forwarded" || name === "via" || name.startsWith("x-forwarded-"),
  );
}

/** Browsers say where a request comes from (Fetch standard: Origin, Sec-Fetch-Site); other clients say nothing. */
function isForeignOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (site === "cross-site" || site === "same-site") return true;
  const { origin, host } = headers;
  if (origin === undefined) return false;
  if (!URL.canParse(origin) || host === undefined) return true;
  const { protocol, host: originHost } = new URL(origin);
  // The URL leaves out its scheme's default port; the Host field may show it.
  const sameScheme = `${protocol}//${host}`;
  return !URL.canParse(sameScheme) || new URL(sameScheme).host !== originHost;
}

function isBrowser(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined || headers["sec-fetch-site"] !== undefined;
}

/** Compared in constant time, and without showing the token's length: digests are compared. */
function hasToken(authorization: string | undefined, token: string | undefined): boolean {
  if (token === undefined || authorization === undefined) return false;
  const given = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (given === undefined) return false;
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
