// What a change of the ring would move, told before anything is changed: replicas that join or leave, other weights, and
// other placements too. Worked out in slices, since requests are served meanwhile; one preview after another.
import { RoundhouseError } from "../errors.ts";
import {
  createRingInSteps,
  type Key,
  type PlacementName,
  type Preview,
  type Ring,
  type RingChange,
} from "../ring/ring.ts";

/** `POST /api/v1/ring/preview`, with a body of preview-request.ts. */
export interface PreviewReport {
  /** Fraction of the key space with another owner afterwards, 0…1. */
  readonly moved: number;
  /** The least that any placement would have to move to reach these shares, 0…1. */
  readonly least: number;
  /** Seats; null stands for nobody. The largest first when there are more than `movesMax`, then `movesLeftOut` too. */
  readonly moves: readonly Move[];
  /** Moves that are not listed, and what they add up to. */
  readonly movesLeftOut: { readonly count: number; readonly fraction: number };
  /** Shares by seat before and afterwards. */
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
  /** Another placement is compared by so many sample keys, each looked up in both rings; null: by every slot. */
  readonly sampledKeys: number | null;
}

interface Move {
  readonly from: number | null;
  readonly to: number | null;
  readonly fraction: number;
}

export interface PreviewParts {
  /** The ring of now. */
  readonly ring: Ring;
  /** As configured; another placement keeps it. */
  readonly requestHash: ((key: Key) => number) | undefined;
  /** True when keys are request ids, the course's six-digit numbers; false: text. */
  readonly idKeys: boolean;
}

/** Listed at most. Ten thousand are possible: a hundred replicas that give some keys to a hundred others. */
const movesMax = 2_000;
const sampledKeys = 65_536;
/** How long one slice may take, in ms. */
const sliceMs = 4;

export interface PreviewedChange extends RingChange {
  /** Another placement than that of now. */
  readonly placement?: PlacementName;
}

let queue: Promise<unknown> = Promise.resolve();

/** Rejects with BAD_REQUEST when the ring refuses the change. */
export function previewReport(parts: PreviewParts, change: PreviewedChange): Promise<PreviewReport> {
  const mine = queue.then(() => preview(parts, change));
  queue = mine.catch(() => {});
  return mine;
}

async function preview(parts: PreviewParts, change: PreviewedChange): Promise<PreviewReport> {
  const { ring } = parts;
  const { placement = ring.placement } = change;
  try {
    const changed = await inSlices(ring.withInSteps(change));
    if (placement === ring.placement) {
      const { moved, moves, after } = ring.compare(changed);
      return report(ring, { moved, moves, after }, null);
    }
    const { requestHash } = parts;
    const other = await inSlices(
      createRingInSteps({
        placement,
        members: changed.members,
        ...(requestHash === undefined ? {} : { requestHash }),
      }),
    );
    const moves = await movesOfSamples(parts, other);
    return report(ring, { moved: sumOf(moves), moves, after: other.shares() }, sampledKeys);
  } catch (cause) {
    // The ring refuses with a RangeError that says what would fit.
    if (!(cause instanceof RangeError)) throw cause;
    throw new RoundhouseError("BAD_REQUEST", cause.message, { source: "downstream", cause });
  }
}

async function inSlices(steps: Generator<undefined, Ring>): Promise<Ring> {
  for (;;) {
    const until = performance.now() + sliceMs;
    while (performance.now() < until) {
      const step = steps.next();
      if (step.done) return step.value;
    }
    await nextTurn();
  }
}

/** Rings of two placements have no slots in common: the same keys are looked up in both. */
async function movesOfSamples({ ring, idKeys }: PreviewParts, other: Ring): Promise<Move[]> {
  const counts = new Map<number, Map<number, number>>();
  for (let n = 0; n < sampledKeys; n++) {
    if (n % 4_096 === 4_095) await nextTurn();
    const key = idKeys ? sampleId(n) : `key-${n}`;
    const [from, to] = [ring.lookup(key), other.lookup(key)];
    if (from === to) continue;
    const row = counts.get(from) ?? new Map<number, number>();
    counts.set(from, row.set(to, (row.get(to) ?? 0) + 1));
  }
  return [...counts].flatMap(([from, row]) =>
    [...row].map(([to, keys]) => ({ from: from || null, to: to || null, fraction: keys / sampledKeys })),
  );
}

/** Spread over the six-digit ids without a pattern: a step that has no factor in common with their number. */
function sampleId(n: number): number {
  return 100_000 + ((n * 556_219) % 900_000);
}

function report(ring: Ring, { moved, moves, after }: Preview, sampled: number | null): PreviewReport {
  const before = ring.shares();
  const all = moves.length <= movesMax;
  const listed = all ? moves : moves.toSorted((a, b) => b.fraction - a.fraction).slice(0, movesMax);
  return {
    moved,
    least: leastMoved(before, after),
    moves: listed,
    movesLeftOut: { count: moves.length - listed.length, fraction: all ? 0 : moved - sumOf(listed) },
    before: Object.fromEntries(before),
    after: Object.fromEntries(after),
    sampledKeys: sampled,
  };
}

function sumOf(moves: readonly Move[]): number {
  return moves.reduce((total, { fraction }) => total + fraction, 0);
}

/** What seats gain must come from somewhere, and need not be more. */
function leastMoved(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  let gained = 0;
  for (const [seat, share] of after) gained += Math.max(0, share - (before.get(seat) ?? 0));
  return gained;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
