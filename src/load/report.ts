// What a load run tells: a table for the terminal, and a page with charts that needs nothing besides itself. The JSON
// report is the result as it is, with the settings that made it.
import { barChart } from "../charts/bar-chart.ts";
import { lineChart } from "../charts/line-chart.ts";
import { escaped } from "../charts/svg.ts";
import type { LoadResult } from "./load.ts";
import type { LatencySummary } from "./recorder.ts";

export interface LoadReport {
  readonly format: 1;
  /** The command that repeats it. */
  readonly command: string;
  readonly url: string;
  readonly model: "open" | "closed";
  readonly seed: number;
  readonly result: LoadResult;
}

/** For the terminal. */
export function reportText({ result, model }: LoadReport): string {
  const { counts, latencyMs, serviceMs, sendDelayMs } = result;
  const lines = [
    `${count(counts.answered)} answers in ${result.seconds.toFixed(2)} s: ${count(Math.round(result.answersPerS))}/s, ${bytes(counts.bytes)}`,
    `status    ${listed(result.byCode) || "none"}`,
    `failed    ${listed(counts.failed, true) || "none"}${counts.unsent > 0 ? `  unsent ${count(counts.unsent)}` : ""}`,
    ...Object.entries(result.problems).map(([words, times]) => `          ${count(times)} × ${words}`),
  ];
  if (counts.resent > 0) lines.push(`resent    ${count(counts.resent)} (a kept connection had been closed)`);
  lines.push("", `${"milliseconds".padEnd(28)}${columns.map(([name]) => name.padStart(9)).join("")}`);
  lines.push(row(model === "open" ? "latency, from when due" : "latency", latencyMs));
  if (model === "open") lines.push(row("from when sent", serviceMs), row("due to sent", sendDelayMs));
  const replicas = Object.entries(result.byReplica);
  if (replicas.length > 0) lines.push("", ...replicaLines(replicas, counts.answered));
  return lines.join("\n");
}

const columns: readonly (readonly [string, keyof LatencySummary])[] = [
  ["mean", "mean"],
  ["p50", "p50"],
  ["p90", "p90"],
  ["p99", "p99"],
  ["p99.9", "p999"],
  ["max", "max"],
];

function row(name: string, summary: LatencySummary | null): string {
  const cells = columns.map(([, key]) => (summary === null ? "–" : milliseconds(summary[key])).padStart(9));
  return name.padEnd(28) + cells.join("");
}

const milliseconds = (ms: number): string =>
  ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0);
const count = (value: number): string => value.toLocaleString("en");

function listed(counts: Readonly<Record<string, number>>, onlySome = false): string {
  return Object.entries(counts)
    .filter(([, times]) => !onlySome || times > 0)
    .map(([name, times]) => `${name}: ${count(times)}`)
    .join("  ");
}

function bytes(value: number): string {
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

function replicaLines(replicas: readonly (readonly [string, number])[], total: number): string[] {
  const width = Math.max(...replicas.map(([name]) => name.length), 8);
  return replicas.map(([name, times]) => {
    const share = times / Math.max(1, total);
    const bar = "█".repeat(Math.round(share * 40));
    return `${name.padEnd(width)}  ${count(times).padStart(10)}  ${(share * 100).toFixed(1).padStart(5)} %  ${bar}`.trimEnd();
  });
}

/** A page with charts, for a browser; asks nothing of any server. */
export function reportPage(report: LoadReport): string {
  const { result } = report;
  const charts = [latencyChart(report), rateChart(report), replicaChart(result)].filter(
    (chart) => chart !== null,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Load on ${escaped(report.url)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 780px; margin: 2rem auto; padding: 0 1rem; }
pre { background: #f4f4f4; padding: 0.8rem; overflow-x: auto; font-size: 13px; line-height: 1.35; }
svg { max-width: 100%; height: auto; margin: 0.5rem 0; }
</style>
</head>
<body>
<h1>Load on ${escaped(report.url)}</h1>
<p>${escaped(result.startedAt)}, seed ${report.seed}.</p>
<pre>${escaped(report.command)}</pre>
<pre>${escaped(reportText(report))}</pre>
${charts.join("\n")}
</body>
</html>
`;
}

function latencyChart({ result, model }: LoadReport): string | null {
  if (result.latencyMs === null) return null;
  const subtitle = model === "open" ? "each second; from when a request was due" : "each second";
  return lineChart({
    title: "Latency over time",
    subtitle,
    x: { label: "time (s)", from: 0 },
    y: { label: "latency (ms)", scale: "log" },
    series: [
      { name: "p50", points: result.samples.map(({ atS, p50 }) => [atS, p50] as const) },
      { name: "p99", points: result.samples.map(({ atS, p99 }) => [atS, p99] as const) },
    ],
  });
}

function rateChart({ result, model }: LoadReport): string {
  const lengths = result.samples.map(({ atS }, i) => atS - (result.samples[i - 1]?.atS ?? 0));
  const rate = (value: number, i: number) => value / Math.max(0.001, lengths[i] as number);
  const series = [
    {
      name: "answers/s",
      points: result.samples.map(({ atS, answered }, i) => [atS, rate(answered, i)] as const),
    },
    {
      name: "failures/s",
      points: result.samples.map(({ atS, failed }, i) => [atS, rate(failed, i)] as const),
    },
  ];
  const planned = {
    name: "planned",
    dashed: true,
    points: result.samples.map(({ atS, level }) => [atS, level] as const),
  };
  return lineChart({
    title: "Requests over time",
    subtitle: "each second",
    x: { label: "time (s)", from: 0 },
    y: { label: "requests/s" },
    series: model === "open" ? [...series, planned] : series,
  });
}

function replicaChart({ byReplica, counts }: LoadResult): string | null {
  const names = Object.keys(byReplica);
  if (names.length === 0) return null;
  return barChart({
    title: "Answers by replica",
    subtitle: `${count(counts.answered)} answers`,
    x: { label: "replica", names },
    y: { label: "answers" },
    series: [{ name: "answers", values: Object.values(byReplica) }],
    reference: { value: counts.answered / names.length, label: "average" },
  });
}
