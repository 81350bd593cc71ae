// The way of one request: to the control API, or to the replica that the policy picks (policies/). On the hot path: no
// allocation for a request whose first choice can serve it, nothing asynchronous, nothing that throws.
import type { Routing } from "../proxy/routing.ts";
import type { Upstream } from "../proxy/upstream.ts";
import type { RoutingSnapshot } from "./routing-table.ts";
import type { WaitingRooms } from "./waiting-room.ts";

export interface RouteParts {
  /** Read once per pick. */
  readonly snapshot: () => RoutingSnapshot;
  /** The control API, or null when `control` is off: then `/rep` is a path like any other. */
  readonly control: Upstream | null;
  /** Where requests wait that nobody can take now. */
  readonly rooms: Pick<WaitingRooms, "restLimits" | "roomFor">;
  /** How many there should be; for the text of the 503. */
  readonly desiredCount: () => number;
  /** The user's own hash function threw or gave no number: the request goes to anybody. Must not throw. */
  readonly onHashError: (error: unknown) => void;
}

export function createRouting(parts: RouteParts): Routing {
  const { snapshot, control, rooms } = parts;
  return {
    pick: (request, tried) => {
      if (control !== null && isReserved(request.target)) return tried.length === 0 ? control : null;
      const now = snapshot();
      try {
        const picked = now.pick(request, tried);
        if (picked !== null) return picked;
      } catch (error) {
        parts.onHashError(error);
      }
      return anybody(now, tried) ?? rooms.roomFor(now.contenders.length);
    },
    unavailable: (request) => {
      const controlFailed = control !== null && isReserved(request.target);
      const words = controlFailed ? "The control API does not answer" : unavailableWords(parts);
      return { body: JSON.stringify({ message: `<Error> ${words}`, status: "failure" }), retryAfterS: 1 };
    },
  };
}

/** Where the policy knows nobody: one that accepts requests, else anybody at all that has not failed this one yet. */
function anybody({ upstreamsBySeat }: RoutingSnapshot, tried: readonly Upstream[]): Upstream | null {
  const left = upstreamsBySeat.filter((upstream) => upstream !== undefined && !tried.includes(upstream));
  const accepting = left.filter((upstream) => upstream?.accepting);
  const among = accepting.length > 0 ? accepting : left;
  return among[Math.floor(Math.random() * among.length)] ?? null;
}

function unavailableWords({ snapshot, desiredCount, rooms }: RouteParts): string {
  const limits = rooms.restLimits;
  if (limits !== null && snapshot().replicas.length === 0)
    return `No replica could be started within ${limits.waitMs} ms, or as many requests wait for one as may; try again in a moment`;
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
