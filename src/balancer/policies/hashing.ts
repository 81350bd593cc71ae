// By key and ring: the key's owner, unless it cannot take the request. What an operator may add while requests run:
// bounded loads, and spread keys. Without either, a request costs its key, one array read and two checks.
import type { RoutedRequest } from "../../proxy/routing.ts";
import type { Upstream } from "../../proxy/upstream.ts";
import type { Key, Ring } from "../../ring/ring.ts";
import { type Bound, boundOver } from "./bound.ts";
import { leastRequestAmong } from "./least-request.ts";
import { canTake, type Picker, type Policy, type Roster } from "./roster.ts";
import type { Spread, Steering } from "./steering.ts";

export interface HashingParts {
  readonly keyOf: (request: RoutedRequest) => Key;
  /** Sees the key of every request, once; null: nobody looks for hot keys. */
  readonly noteKey: ((key: Key) => void) | null;
  readonly counters: HashingCounters;
}

/** Requests, each counted once, however often it is tried. */
export interface HashingCounters {
  /** Routed while loads were bounded; and those of them that somebody else got because their first was full. */
  bounded: number;
  overflowed: number;
  /** Whose key was spread. */
  spread: number;
}

export function hashing(parts: HashingParts): Policy {
  return (roster, steering) =>
    steering.loadFactor === null && steering.spreads.length === 0
      ? ownerFirst(roster, parts)
      : steered(roster, steering, parts);
}

function ownerFirst(roster: Roster, { keyOf, noteKey }: HashingParts): Picker {
  return (request, tried) => {
    const key = keyOf(request);
    if (noteKey !== null && tried.length === 0) noteKey(key);
    return firstCandidate(roster, key, tried);
  };
}

/** The first in order of preference that can serve and has not failed this request yet; nearly always the owner. */
function firstCandidate(roster: Roster, key: Key, tried: readonly Upstream[]): Upstream | null {
  const owner = roster.upstreamsBySeat[roster.ring.lookup(key)];
  return owner !== undefined && canTake(owner, tried) ? owner : nextCandidate(roster, key, tried);
}

/** If nobody accepts requests, the first of those that do not. */
function nextCandidate(
  { ring, upstreamsBySeat }: Roster,
  key: Key,
  tried: readonly Upstream[],
): Upstream | null {
  let lastResort: Upstream | null = null;
  for (const seat of ring.candidates(key)) {
    const upstream = upstreamsBySeat[seat];
    if (upstream === undefined || tried.includes(upstream)) continue;
    if (upstream.accepting) return upstream;
    lastResort ??= upstream;
  }
  return lastResort;
}

function steered(roster: Roster, { loadFactor, spreads }: Steering, parts: HashingParts): Picker {
  const { keyOf, noteKey, counters } = parts;
  const bound = loadFactor === null ? null : boundOver(roster, loadFactor);
  const choices = spreadChoices(roster, spreads);
  return (request, tried) => {
    const key = keyOf(request);
    const fresh = tried.length === 0;
    if (fresh && noteKey !== null) noteKey(key);
    const spread = choices.get(key);
    if (fresh && spread !== undefined) counters.spread++;
    const first = spread?.(tried) ?? firstCandidate(roster, key, tried);
    if (bound === null || first === null) return first;
    const chosen = withinBound(bound, key, first, tried);
    if (fresh) counters.bounded++;
    if (fresh && chosen !== first) counters.overflowed++;
    return chosen;
  };
}

function withinBound(bound: Bound, key: Key, first: Upstream, tried: readonly Upstream[]): Upstream {
  bound.look(tried);
  return bound.hasRoom(first) ? first : (bound.another(key) ?? first);
}

type Choice = (tried: readonly Upstream[]) => Upstream | null;

/** Looked up when the roster changes, so that a spread key's request does not walk the ring. */
function spreadChoices({ ring, contenders }: Roster, spreads: readonly Spread[]): ReadonlyMap<Key, Choice> {
  const bySeat = new Map(contenders.map((contender) => [contender.seat, contender]));
  return new Map(
    spreads.map(({ key, over }) => {
      const candidates = seatsFor(ring, key).flatMap((seat) => bySeat.get(seat) ?? []);
      return [key, leastRequestAmong(candidates.slice(0, over))];
    }),
  );
}

/** None where the user's own hash function fails for the key: its requests then fare like any others. */
function seatsFor(ring: Ring, key: Key): number[] {
  try {
    return [...ring.candidates(key)];
  } catch {
    return [];
  }
}
