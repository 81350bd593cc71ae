// −ln(u) for weighted rendezvous. JavaScript leaves Math.log's last digits to the engine, and two front doors that
// disagree there would disagree about a key; this one uses only + − × ÷, which IEEE 754 fixes. It is faster too.

// m in [½, 1) is c·(1 + r), c the middle of one of 1,024 intervals, so |r| < 2^-10 and four terms of the series
// for ln(1 + r) leave an error below 2^-52.
const intervals = 1024;
const middles = Float64Array.from({ length: intervals }, (_, i) => 0.5 + (i + 0.5) / (2 * intervals));
const inverses = middles.map((c) => 1 / c);
const logs = middles.map((c) => -atanhLog(c));
const powers = Float64Array.from({ length: 32 }, (_, i) => 2 ** i);
const ln2 = -atanhLog(0.5);

// ln(c) = 2·atanh((c − 1)/(c + 1)), summed until the terms vanish: for |z| ≤ 1/3 within 20.
function atanhLog(c: number): number {
  const z = (c - 1) / (c + 1);
  let sum = 0;
  for (let k = 20; k >= 0; k--) sum = sum * z * z + 1 / (2 * k + 1);
  return 2 * z * sum;
}

/** −ln(u) for u in (0, 1], to a relative error below 1e-12. */
export function minusLog(u: number): number {
  const d = 1 - u; // exact for u ≥ ½
  if (d < 1 / intervals) return d * (1 + d * (1 / 2 + d * (1 / 3 + d * (1 / 4 + d / 5))));
  if (u < 1 / 0x1_0000_0000) return 32 * ln2 + minusLog(u * 0x1_0000_0000);
  const halvings = Math.clz32(u * 0x1_0000_0000);
  const m = u * (powers[halvings] as number); // exact
  const i = ((m - 0.5) * (2 * intervals)) | 0;
  const r = m * (inverses[i] as number) - 1;
  return halvings * ln2 + (logs[i] as number) - r * (1 - r * (1 / 2 - r * (1 / 3 - r * (1 / 4 - r / 5))));
}
