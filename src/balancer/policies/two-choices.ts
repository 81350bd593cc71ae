// The power of two choices (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001): of two
// replicas drawn by weight, the one with fewer requests in flight for its weight. Nearly as even as asking all, at the
// same small cost however many there are, and several front doors do not all run to the same idle replica.
import type { Upstream } from "../../proxy/upstream.ts";
import { type Contender, canTake, type Policy } from "./roster.ts";

/** Draws before the rare request for which all drawn were unfit is given to anybody fit. */
const drawsMax = 8;

/** @param random a number in 0…1, 1 excluded */
export function twoChoices(random: () => number = Math.random): Policy {
  return ({ contenders }) => {
    const draw = drawing(contenders, random);
    return (_request, tried) => {
      const first = draw(tried, null) ?? anyFit(contenders, tried, random);
      if (first === null) return null;
      const second = draw(tried, first);
      return (second !== null && loadOf(second) < loadOf(first) ? second : first).upstream;
    };
  };
}

function loadOf({ upstream, weight }: Contender): number {
  return upstream.inFlight / weight;
}

type Draw = (tried: readonly Upstream[], butNot: Contender | null) => Contender | null;

/** Draws by weight: a point on the line on which each has its weight as length. */
function drawing(contenders: readonly Contender[], random: () => number): Draw {
  const ends = new Float64Array(contenders.length);
  let total = 0;
  contenders.forEach(({ weight }, index) => {
    total += weight;
    ends[index] = total;
  });
  return (tried, butNot) => {
    for (let draws = 0; draws < drawsMax && contenders.length > 0; draws++) {
      const drawn = contenders[indexAt(ends, random() * total)] as Contender;
      if (drawn !== butNot && canTake(drawn.upstream, tried)) return drawn;
    }
    return null;
  };
}

/** The first whose end lies beyond the point; the last where rounding put the point at the very end. */
function indexAt(ends: Float64Array, point: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] as number) > point) high = middle;
    else low = middle + 1;
  }
  return low;
}

function anyFit(
  contenders: readonly Contender[],
  tried: readonly Upstream[],
  random: () => number,
): Contender | null {
  const fit = contenders.filter(({ upstream }) => canTake(upstream, tried));
  return drawing(fit, random)(tried, null);
}
