// A change that is only thought of yet: who joins, who leaves, other weights, another placement; what is asked of the server
// to preview it, and the steps that would make it. Pure.
import type { RingMember } from "../balancer/ring-picture.ts";
import type { Method } from "./calls.ts";

export interface Draft {
  /** Replicas that join, of weight 1. */
  readonly add: number;
  /** Seats that leave. */
  readonly leaving: ReadonlySet<number>;
  /** As typed, by seat; what is no weight is left out. */
  readonly weights: ReadonlyMap<number, string>;
  /** Null: the placement of now. */
  readonly placement: string | null;
}

export const emptyDraft: Draft = { add: 0, leaving: new Set(), weights: new Map(), placement: null };

export interface Step {
  /** In the words of somebody who is going to do it. */
  readonly words: string;
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
}

/** The weights that differ from those of now, of those that stay. */
function newWeights({ weights, leaving }: Draft, members: readonly RingMember[]): Map<number, number> {
  const changed = members.flatMap(({ seat, weight }): [number, number][] => {
    const wanted = Number(weights.get(seat) ?? weight);
    return leaving.has(seat) || wanted === weight || !(wanted > 0) ? [] : [[seat, wanted]];
  });
  return new Map(changed);
}

/** The lowest seats that nobody has: those that the fleet gives. Who leaves has its own until then. */
export function freeSeats(taken: Iterable<number>, count: number): number[] {
  const seats = new Set(taken);
  const free: number[] = [];
  for (let seat = 1; free.length < count; seat++) if (!seats.has(seat)) free.push(seat);
  return free;
}

/** The body of `POST /api/v1/ring/preview`; null: nothing would change. @param taken seats that somebody has */
export function previewBody(
  draft: Draft,
  members: readonly RingMember[],
  taken: Iterable<number>,
): object | null {
  const weights = newWeights(draft, members);
  const remove = members.map(({ seat }) => seat).filter((seat) => draft.leaving.has(seat));
  if (draft.add === 0 && remove.length === 0 && weights.size === 0 && draft.placement === null) return null;
  return {
    add: freeSeats(taken, draft.add).map((seat) => ({ seat })),
    remove,
    weights: Object.fromEntries(weights),
    ...(draft.placement === null ? {} : { hash: draft.placement }),
  };
}

/** Newcomers first: there is never less capacity than before or afterwards, and they get the seats that were previewed. */
export function stepsOf(draft: Draft, members: readonly RingMember[]): Step[] {
  const steps: Step[] = [];
  const named = new Map(members.map(({ seat, replica }) => [seat, replica ?? `seat ${seat}`]));
  const path = (seat: number) => `/api/v1/replicas/${encodeURIComponent(named.get(seat) ?? "")}`;
  if (draft.add > 0) {
    const words = draft.add === 1 ? "Add one replica" : `Add ${draft.add} replicas`;
    steps.push({ words, method: "POST", path: "/api/v1/replicas", body: { n: draft.add } });
  }
  for (const [seat, weight] of newWeights(draft, members)) {
    const words = `Give ${named.get(seat)} the weight ${weight}`;
    steps.push({ words, method: "PUT", path: path(seat), body: { weight } });
  }
  for (const { seat } of members) {
    if (!draft.leaving.has(seat)) continue;
    steps.push({ words: `Drain and remove ${named.get(seat)}`, method: "DELETE", path: path(seat) });
  }
  return steps;
}
