// From rounds to a table a person can read. The raw rounds stay in the results, so that anyone can reckon anew.
import type { Round } from "./closed-loop.ts";
import {
  type IdleOutcome,
  median,
  type Results,
  type SteadyOutcome,
  soundRounds,
  type TrafficOutcome,
} from "./results.ts";
import type { SteadyResult } from "./steady-client.ts";
import { isMet, type Verdict, verdicts } from "./verdicts.ts";

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  const line = (row: readonly string[]) => `| ${row.map(pad).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** Median CPU of the cheaper of nginx and HAProxy, the measure that every other is divided by. */
function cheaperPeerCpuUs(outcome: TrafficOutcome): number {
  const rivals = outcome.peers.filter((peer) => peer.name === "nginx" || peer.name === "haproxy");
  return Math.min(...rivals.map((peer) => median(soundRounds(peer).map((round) => round.cpuUsPerRequest))));
}

function trafficTable(outcome: TrafficOutcome): string {
  const cheaperUs = cheaperPeerCpuUs(outcome);
  const rows = outcome.peers.map(({ name, rounds, peakBytes }) => {
    const sound = soundRounds({ rounds });
    const of = (field: keyof Round) => sound.map((round) => round[field]);
    const cpuUs = of("cpuUsPerRequest");
    return [
      name,
      median(of("requestsPerS")).toFixed(0),
      median(cpuUs).toFixed(1),
      `${Math.min(...cpuUs).toFixed(1)}–${Math.max(...cpuUs).toFixed(1)}`,
      `${median(of("userUsPerRequest")).toFixed(1)} + ${median(of("systemUsPerRequest")).toFixed(1)}`,
      Number.isFinite(cheaperUs) ? (median(cpuUs) / cheaperUs).toFixed(2) : "–",
      `${(median(of("coreShare")) * 100).toFixed(0)} %`,
      mib(peakBytes),
      String(rounds.length - sound.length),
    ];
  });
  const head = [
    "",
    "requests/s",
    "CPU µs/request",
    "min–max",
    "user + system",
    "ratio",
    "core used",
    "peak RSS MiB",
    "failed rounds",
  ];
  return `### ${outcome.title} (\`${outcome.name}\`)\n\n${table(head, rows)}`;
}

function steadyTables(outcome: SteadyOutcome): string {
  const tables = outcome.rates.map(({ title, ratePerS, peers }) => {
    const rows = peers.map(({ name, rounds }) => {
      const of = (field: keyof SteadyResult) => rounds.map((round) => round[field]);
      const spread = `${Math.min(...of("p99Ms")).toFixed(2)}–${Math.max(...of("p99Ms")).toFixed(2)}`;
      const failures = of("failures").reduce((sum, one) => sum + one, 0);
      const medianMs = (field: keyof SteadyResult) => median(of(field)).toFixed(2);
      return [
        name,
        medianMs("p50Ms"),
        medianMs("p99Ms"),
        spread,
        medianMs("p999Ms"),
        medianMs("maxMs"),
        medianMs("generatorLateP99Ms"),
        String(failures),
      ];
    });
    const head = [
      "",
      "p50 ms",
      "p99 ms",
      "p99 min–max",
      "p99.9 ms",
      "max ms",
      "generator late p99",
      "failures",
    ];
    return `#### ${ratePerS} requests/s: ${title} closed-loop rate\n\n${table(head, rows)}`;
  });
  return `### Latency at fixed rates (\`steady-rate\`)\n\n${tables.join("\n\n")}`;
}

function idleTable(outcome: IdleOutcome): string {
  const rows = outcome.peers.map((peer) => [
    peer.name,
    mib(peer.restBytes),
    (peer.bytesPerConnection / 1024).toFixed(1),
  ]);
  const connections = outcome.peers[0]?.connections ?? 0;
  const head = ["", "RSS at rest MiB", "KiB per idle connection"];
  return `### Memory of ${connections} idle connections (\`idle-memory\`)\n\n${table(head, rows)}`;
}

function verdictTable(judged: readonly Verdict[]): string {
  const rows = judged.map((verdict) => [
    verdict.target,
    verdict.isGoal ? "goal" : "must",
    `≤ ${verdict.limit} ${verdict.unit}`.trim(),
    `${verdict.measured.toFixed(2)} ${verdict.unit}`.trim(),
    isMet(verdict) ? "met" : "missed",
  ]);
  return `### Verdicts\n\n${table(["", "", "target", "measured", "verdict"], rows)}`;
}

/** The tables, as Markdown that also reads well on a terminal. */
export function printable(results: Results): string {
  const parts = results.traffic.map(trafficTable);
  if (results.steady) parts.push(steadyTables(results.steady));
  if (results.idle) parts.push(idleTable(results.idle));
  const judged = verdicts(results);
  if (judged.length > 0) parts.push(verdictTable(judged));
  return parts.join("\n\n");
}
