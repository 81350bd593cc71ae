// What may happen to a fleet, drawn from a seed as a list that people can read. Who is meant is said by a fraction, so
// that a script makes sense whatever the replicas' names are by then.
import { seededRandom } from "../../src/load/random.ts";

export type ProgramName = "works" | "exits" | "is silent" | "fails later";

export type Operation =
  | { readonly do: "add"; readonly count: number; readonly named: boolean }
  /** Those meant are named, or chosen by the front door. */
  | { readonly do: "remove"; readonly count: number; readonly named: boolean; readonly who: number }
  | { readonly do: "kill"; readonly who: number }
  /** It answers nothing for so long. */
  | { readonly do: "pause"; readonly who: number; readonly ms: number }
  /** The front door is killed and started again; `amid`: while it carries out what is named. */
  | {
      readonly do: "restart the front door";
      readonly amid: "nothing" | "add" | "remove";
      readonly ms: number;
    }
  | { readonly do: "reload"; readonly replicas: number; readonly warm: number }
  | {
      readonly do: "roll out";
      readonly program: ProgramName;
      readonly batch: number;
      readonly settleMs: number;
    }
  | { readonly do: "abort" }
  | { readonly do: "restart one"; readonly who: number }
  /** So many of the next starts fail. */
  | { readonly do: "fail starts"; readonly count: number }
  | { readonly do: "wait"; readonly ms: number };

export interface Scale {
  /** Longest wait, pause and settling, in ms. */
  readonly waitMs: number;
  readonly pauseMs: number;
  readonly settleMs: number;
}

/** The same list for the same seed, for ever: what is added here comes at the end of a draw. */
export function drawOperations(seed: number, count: number, scale: Scale): Operation[] {
  const draw = seededRandom(seed);
  return Array.from({ length: count }, () => drawOne(draw, scale));
}

const kinds: readonly (readonly [kind: Operation["do"], weight: number])[] = [
  ["add", 14],
  ["remove", 14],
  ["kill", 14],
  ["pause", 6],
  ["restart the front door", 8],
  ["reload", 6],
  ["roll out", 10],
  ["abort", 3],
  ["restart one", 7],
  ["fail starts", 5],
  ["wait", 13],
];

function drawOne(draw: () => number, scale: Scale): Operation {
  const upTo = (most: number): number => 1 + Math.floor(draw() * most);
  const who = draw();
  const named = draw() < 0.5;
  switch (kindAt(draw())) {
    case "add":
      return { do: "add", count: upTo(3), named };
    case "remove":
      return { do: "remove", count: upTo(2), named, who };
    case "kill":
      return { do: "kill", who };
    case "pause":
      return { do: "pause", who, ms: upTo(scale.pauseMs) };
    case "restart the front door": {
      const amid = who < 0.6 ? "nothing" : who < 0.8 ? "add" : "remove";
      return { do: "restart the front door", amid, ms: upTo(400) };
    }
    case "reload":
      return { do: "reload", replicas: upTo(5), warm: who < 0.3 ? 1 : 0 };
    case "roll out": {
      const program = who < 0.6 ? "works" : who < 0.75 ? "exits" : who < 0.85 ? "is silent" : "fails later";
      return { do: "roll out", program, batch: upTo(3), settleMs: upTo(scale.settleMs) };
    }
    case "abort":
      return { do: "abort" };
    case "restart one":
      return { do: "restart one", who };
    case "fail starts":
      return { do: "fail starts", count: upTo(4) };
    default:
      return { do: "wait", ms: upTo(scale.waitMs) };
  }
}

function kindAt(fraction: number): Operation["do"] {
  let rest = fraction * kinds.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of kinds) {
    rest -= weight;
    if (rest < 0) return kind;
  }
  return "wait";
}

/** One line: `add count=2 named=true`. */
export function textOf({ do: what, ...rest }: Operation): string {
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === "number" ? Number(value.toFixed(3)) : value}`,
  );
  return [what, ...details].join(" ");
}
