// Figures as people read them. Pure.

const counts = new Intl.NumberFormat("en");

/** `262,144` */
export function count(value: number): string {
  return counts.format(value);
}

/** A part of one, with as many digits as tell something: `33.3 %`, `0.042 %`. */
export function percent(part: number): string {
  const value = part * 100;
  if (value === 0 || value >= 99.995) return `${Math.round(value)} %`;
  return `${value >= 1 ? value.toFixed(1) : value.toPrecision(2)} %`;
}

/** How long ago, in one unit: `42 s`, `3 min`, `5 h`, `12 d`. */
export function age(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - sinceMs) / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** So many a second, with a decimal while it is small: `3.4`, `1,240`. */
export function rate(perS: number): string {
  return perS < 10 ? perS.toFixed(1) : count(Math.round(perS));
}
