// Who may be chosen for a request, and what a policy is. A policy is asked twice: once per change of the roster, which
// gives it time to prepare, and once per request, which must be quick and must not throw or wait.
//
// Nothing here knows a fleet or a configuration: a roster is plain data (seats, weights) and the upstreams' own counts,
// so that any process that has the upstreams can choose by itself.
import type { RoutedRequest } from "../../proxy/routing.ts";
import type { Upstream } from "../../proxy/upstream.ts";
import type { Ring } from "../../ring/ring.ts";
import type { Steering } from "./steering.ts";

/** One replica that serves. */
export interface Contender {
  readonly upstream: Upstream;
  readonly seat: number;
  /** As it counts now: while a replica starts slowly, a part of what was configured. > 0 */
  readonly weight: number;
}

/** Never changed after it was made. */
export interface Roster {
  /** Policies that do not hash leave it empty. It may lag behind the contenders by some turns of the event loop. */
  readonly ring: Ring;
  readonly contenders: readonly Contender[];
  /** The same upstreams; the index is the seat, undefined where nobody serves. */
  readonly upstreamsBySeat: readonly (Upstream | undefined)[];
}

/** The upstream for a request that `tried` have failed already; null: none of those that accept requests is left. */
export type Picker = (request: RoutedRequest, tried: readonly Upstream[]) => Upstream | null;

/** Called at every change of the roster or of the steering; the Picker serves until the next. */
export type Policy = (roster: Roster, steering: Steering) => Picker;

/** May this request go there? `accepting` is false while an upstream is given no new requests. */
export function canTake(upstream: Upstream, tried: readonly Upstream[]): boolean {
  return upstream.accepting && (tried.length === 0 || !tried.includes(upstream));
}
