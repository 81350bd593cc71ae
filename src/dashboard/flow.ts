// The geometry of a flow chart: shares before on the left, afterwards on the right, and a ribbon for each part that goes from
// one to the other. Pure; in the units of the chart.
import type { PreviewReport } from "../balancer/ring-preview.ts";

export interface Block {
  readonly seat: number;
  readonly top: number;
  readonly height: number;
}

export interface Ribbon {
  readonly from: number;
  readonly to: number;
  readonly fraction: number;
  /** The upper edge of each end. */
  readonly left: number;
  readonly right: number;
  readonly height: number;
}

export interface Flow {
  readonly left: readonly Block[];
  readonly right: readonly Block[];
  readonly ribbons: readonly Ribbon[];
}

/** Seats stand for themselves; 0 for nobody. @param gap between blocks */
export function flowOf(preview: PreviewReport, height: number, gap: number): Flow {
  const moves = preview.moves.map(({ from, to, fraction }) => ({ from: from ?? 0, to: to ?? 0, fraction }));
  const before = shares(preview.before, moves, "from");
  const after = shares(preview.after, moves, "to");
  const scale = height - gap * (Math.max(before.length, after.length) - 1);
  const left = stacked(before, scale, gap);
  const right = stacked(after, scale, gap);
  const stays = before.map(([seat, share]) => {
    const gone = moves.reduce((sum, { from, fraction }) => (from === seat ? sum + fraction : sum), 0);
    return { from: seat, to: seat, fraction: Math.max(0, share - gone) };
  });
  // In the order of both columns, so that ribbons of one block do not cross each other.
  const all = [...stays, ...moves].filter(({ fraction }) => fraction > 0);
  const filledLeft = new Map(left.map(({ seat, top }) => [seat, top]));
  const filledRight = new Map(right.map(({ seat, top }) => [seat, top]));
  const tops = all.map(() => ({ left: 0, right: 0 }));
  const order = [...all.keys()];
  const of = (index: number) => all[index] as (typeof all)[number];
  for (const index of order.toSorted((a, b) => of(a).to - of(b).to)) {
    (tops[index] as { left: number }).left = take(filledLeft, of(index).from, of(index).fraction * scale);
  }
  for (const index of order.toSorted((a, b) => of(a).from - of(b).from)) {
    (tops[index] as { right: number }).right = take(filledRight, of(index).to, of(index).fraction * scale);
  }
  const ribbons = all.map((part, index) => ({
    ...part,
    ...(tops[index] as { left: number; right: number }),
    height: part.fraction * scale,
  }));
  return { left, right, ribbons };
}

type Shares = readonly (readonly [seat: number, share: number])[];

/** By seat; nobody's only where something comes from nobody, or goes there. */
function shares(
  bySeat: Readonly<Record<string, number>>,
  moves: readonly { from: number; to: number; fraction: number }[],
  end: "from" | "to",
): Shares {
  const nobodys = moves.reduce((sum, move) => (move[end] === 0 ? sum + move.fraction : sum), 0);
  const listed = Object.entries(bySeat).map(([seat, share]) => [Number(seat), share] as const);
  return nobodys > 0 ? [[0, nobodys], ...listed] : listed;
}

function stacked(of: Shares, scale: number, gap: number): Block[] {
  let top = 0;
  return of.map(([seat, share]) => {
    const block = { seat, top, height: share * scale };
    top += block.height + gap;
    return block;
  });
}

/** Gives where the next part of the block begins. */
function take(filled: Map<number, number>, seat: number, height: number): number {
  const top = filled.get(seat) ?? 0;
  filled.set(seat, top + height);
  return top;
}
