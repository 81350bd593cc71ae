// Zipf's distribution over 1…n, for any n at the same cost: rejection-inversion. W. Hörmann and G. Derflinger,
// "Rejection-inversion to generate variates from monotone discrete distributions", ACM TOMACS 6 (1996) 169–184. The
// integral of the density is inverted, and a draw that falls outside its rank's bar is drawn again (rarely).
import type { Random } from "./random.ts";

/** Draws ranks: k in 1…n with probability in proportion to 1/k^exponent. Exponent above 0. */
export function zipf(n: number, exponent: number, random: Random): () => number {
  const integral = (x: number): number => {
    const logX = Math.log(x);
    return expm1Ratio((1 - exponent) * logX) * logX;
  };
  const density = (x: number): number => Math.exp(-exponent * Math.log(x));
  const inverse = (x: number): number => {
    const t = Math.max(-1, x * (1 - exponent));
    return Math.exp(log1pRatio(t) * x);
  };
  const from = integral(1.5) - 1;
  const to = integral(n + 0.5);
  const surelyInside = 2 - inverse(integral(2.5) - density(2));

  return () => {
    for (;;) {
      const u = to + random() * (from - to);
      const x = inverse(u);
      const k = Math.min(n, Math.max(1, Math.floor(x + 0.5)));
      if (k - x <= surelyInside || u >= integral(k + 0.5) - density(k)) return k;
    }
  };
}

/** (e^x − 1)/x, without loss of digits near 0. */
function expm1Ratio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + (x / 2) * (1 + (x / 3) * (1 + x / 4));
}

/** ln(1 + x)/x, without loss of digits near 0. */
function log1pRatio(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x * (0.5 - x * (1 / 3 - x * 0.25));
}
