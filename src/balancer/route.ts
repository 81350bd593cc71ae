// The way of one request: to the control API, or by key and ring to a replica. On the hot path: no allocation for a
// request whose owner can serve it, nothing asynchronous, nothing that throws.
import type { RoutedRequest, Routing } from "../proxy/routing.ts";
import type { Upstream } from "../proxy/upstream.ts";
import type { BoundedLoad } from "../ring/bounded-load.ts";
import type { Key } from "../ring/ring.ts";
import type { RoutingSnapshot } from "./routing-table.ts";

export interface RouteParts {
  /** Read once per pick. */
  readonly snapshot: () => RoutingSnapshot;
  readonly keyOf: (request: RoutedRequest) => Key;
  /** The control API, or null when `control` is off: then `/rep` is a path like any other. */
  readonly control: Upstream | null;
  /** How many there should be; for the text of the 503. */
  readonly desiredCount: () => number;
  /** The user's own hash function threw or gave no number: the request goes to anybody. Must not throw. */
  readonly onHashError: (error: unknown) => void;
}

export function createRouting(parts: RouteParts): Routing {
  const { snapshot, keyOf, control } = parts;
  return {
    pick: (request, tried) => {
      if (control !== null && isReserved(request.target)) return tried.length === 0 ? control : null;
      const now = snapshot();
      try {
        return pickByKey(now, keyOf(request), tried);
      } catch (error) {
        parts.onHashError(error);
        return anybody(now, tried);
      }
    },
    unavailable: (request) => {
      const controlFailed = control !== null && isReserved(request.target);
      const words = controlFailed ? "The control API does not answer" : unavailableWords(parts);
      return { body: JSON.stringify({ message: `<Error> ${words}`, status: "failure" }), retryAfterS: 1 };
    },
  };
}

function pickByKey(now: RoutingSnapshot, key: Key, tried: readonly Upstream[]): Upstream | null {
  if (now.bounded !== null) return leastBound(now, now.bounded, key, tried);
  const owner = now.upstreamsBySeat[now.ring.lookup(key)];
  if (owner !== undefined && tried.length === 0) return owner;
  return nextCandidate(now, key, tried);
}

function anybody({ upstreamsBySeat }: RoutingSnapshot, tried: readonly Upstream[]): Upstream | null {
  const left = upstreamsBySeat.filter((upstream) => upstream !== undefined && !tried.includes(upstream));
  return left[Math.floor(Math.random() * left.length)] ?? null;
}

/** The first in order of preference that can serve and has not failed this request yet. */
function nextCandidate(
  { ring, upstreamsBySeat }: RoutingSnapshot,
  key: Key,
  tried: readonly Upstream[],
): Upstream | null {
  for (const seat of ring.candidates(key)) {
    const upstream = upstreamsBySeat[seat];
    if (upstream !== undefined && !tried.includes(upstream)) return upstream;
  }
  return null;
}

/** The owner, or another one while the owner has more than its part of the requests in flight. */
function leastBound(
  { upstreamsBySeat }: RoutingSnapshot,
  bounded: BoundedLoad,
  key: Key,
  tried: readonly Upstream[],
): Upstream | null {
  let total = 0;
  for (const upstream of upstreamsBySeat) total += upstream?.inFlight ?? 0;
  const loadOf = (seat: number) => {
    const upstream = upstreamsBySeat[seat];
    return upstream === undefined || tried.includes(upstream) ? Number.POSITIVE_INFINITY : upstream.inFlight;
  };
  const upstream = upstreamsBySeat[bounded.choose(key, loadOf, total)];
  return upstream === undefined || tried.includes(upstream) ? null : upstream;
}

function unavailableWords({ snapshot, desiredCount }: RouteParts): string {
  const healthy = snapshot().replicas.length;
  if (healthy > 0) return `None of the ${healthy} healthy replicas answered this request; try again`;
  const desired = desiredCount();
  if (desired === 0) return "There are no replicas; add some with POST /add";
  return `None of the ${desired} replicas is healthy now; try again in a moment`;
}

/**
 * `/rep`, `/add` and `/rm`, matched on the raw path before any `?`. A path that only looks like one after decoding
 * (`/%72ep`) or with something after it (`/rep/`) is a path like any other.
 */
export function isReserved(target: string): boolean {
  const second = target.charCodeAt(1);
  if (second !== 0x72 && second !== 0x61) return false; // neither "r" nor "a": nearly every request ends here
  return isPath(target, "/rep") || isPath(target, "/add") || isPath(target, "/rm");
}

function isPath(target: string, path: string): boolean {
  if (!target.startsWith(path)) return false;
  return target.length === path.length || target.charCodeAt(path.length) === 0x3f;
}
