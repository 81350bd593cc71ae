// Figures as people read them. Pure.

const counts = new Intl.NumberFormat("en");

/** `262,144` */
export function count(value: number): string {
  return counts.format(value);
}

/** A part of one, with as many digits as tell something: `33.3 %`, `0.042 %`, `<0.01 %`. */
export function percent(part: number): string {
  const value = part * 100;
  if (value === 0 || value >= 99.995) return `${Math.round(value)} %`;
  if (value < 0.01) return "<0.01 %";
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

/** A rate or a number of things, short: `0`, `<0.01`, `0.25`, `34.1`, `1,234`, `56.1 k`. */
export function short(value: number): string {
  if (value >= 10_000)
    return `${(value / (value < 1e6 ? 1e3 : 1e6)).toPrecision(3)} ${value < 1e6 ? "k" : "M"}`;
  if (value >= 100 || Number.isInteger(value)) return count(Math.round(value));
  if (value > 0 && value < 0.01) return "<0.01";
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)));
}

/** A duration: `0.25 ms`, `34 ms`, `1.2 s`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${short(ms)} ms` : `${short(ms / 1000)} s`;
}

/** `0 B`, `512 B`, `4.2 KiB`, `87 MiB`. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** step;
  return `${scaled >= 100 || step === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${units[step]}`;
}
