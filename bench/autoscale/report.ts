// A run of the autoscaler as a table of its decisions, a chart of who served, and files under bench/results/.
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import type { DecisionReport } from "../../src/balancer/autoscaler.ts";
import { lineChart } from "../../src/charts/line-chart.ts";
import type { LatencySummary } from "../../src/load/recorder.ts";
import { machineText } from "../machine.ts";

/** What was seen at the end of one second of the load. */
export interface Second {
  readonly atS: number;
  /** Requests/s that the plan wanted. */
  readonly level: number;
  readonly answered: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Replicas in the ring, and as many as the load asked for. */
  readonly serving: number;
  readonly asked: number;
  /** Requests under way per replica, as the autoscaler saw it. */
  readonly inFlight: number | null;
}

export interface AutoscaleRun {
  readonly stages: string;
  readonly autoscale: readonly string[];
  readonly replica: { readonly workers: number; readonly delayMs: number; readonly target: number };
  readonly requests: number;
  /** Without an answer, or with another status than 200. */
  readonly failed: number;
  readonly latencyMs: LatencySummary | null;
  readonly decisions: readonly (DecisionReport & { readonly atS: number })[];
  readonly seconds: readonly Second[];
}

/** A change of direction is what flapping is made of: a load that steps up and down needs exactly one. */
function turns({ decisions }: AutoscaleRun): number {
  const ups = decisions.map(({ from, to }) => to > from);
  return ups.filter((up, index) => index > 0 && up !== ups[index - 1]).length;
}

export function summary(run: AutoscaleRun): string {
  const { decisions, requests, failed, seconds } = run;
  const most = Math.max(...seconds.map(({ serving }) => serving));
  const last = seconds.at(-1)?.serving ?? 0;
  const path = decisions.map(({ to }) => to).join(" → ");
  return `${decisions.length} decisions (1 → ${path}), ${turns(run)} change of direction; at most ${most} replicas, ${last} at the end; ${requests} requests, ${failed} failed`;
}

/** Writes autoscale.md, autoscale.json and autoscale.svg. */
export function saveRun(run: AutoscaleRun, command: string): void {
  const at = (name: string) => fileURLToPath(new URL(`../results/${name}`, import.meta.url));
  const machine = machineText();
  const busy = loadavg()
    .map((load) => load.toFixed(1))
    .join(", ");
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(
    at("autoscale.md"),
    page(run, command, date, `${machine}; load averages at the end: ${busy}`),
  );
  writeFileSync(at("autoscale.svg"), chart(run));
  writeFileSync(at("autoscale.json"), `${JSON.stringify({ command, date, machine, run }, null, 1)}\n`);
}

function page(run: AutoscaleRun, command: string, date: string, machine: string): string {
  const { replica, stages, autoscale, decisions, latencyMs } = run;
  const rows = decisions.map(
    ({ atS, from, to, cause, reason }) => `| ${atS.toFixed(1)} | ${from} → ${to} | ${cause} | ${reason} |`,
  );
  return `# Does the fleet follow the load?

- Command: \`${command}\`
- Date: ${date}
- Machine: ${machine}
- Load: ${stages} (seconds:requests/s), open model, Poisson arrivals, from a process of its own
- Front door: \`roundhouse up ${autoscale.join(" ")}\`, all else by default
- Replicas: each works on ${replica.workers} requests at a time, ${replica.delayMs} ms each, ${(1000 * replica.workers) / replica.delayMs} requests/s; the rest waits

**${summary(run)}.**

A load that steps up and down needs one change of direction; every further one would be flapping. Load, front door and
replicas share the machine, which others used too: times are later than on a quiet one, counts are what they are.

What piles up while few replicas have the load of many is in flight too. So the last step up may go beyond what the load
alone needs (the dashed line), and is taken back when the stabilisation window of a minute has passed.

![Replicas that serve, over time](autoscale.svg)

| s | replicas | cause | figures of the decision |
|---|---|---|---|
${rows.join("\n")}

## Second by second
\`in flight\` is per replica, as the autoscaler saw it (averaged over 5 s); \`p50\` and \`p99\` are what the client waited, in ms,
from when its request was due. Of all answers: ${latency(latencyMs)}.

| s | requests/s wanted | answered | replicas | asked for | in flight | p50 | p99 |
|---|---|---|---|---|---|---|---|
${shown(run.seconds).map(row).join("\n")}
`;
}

function latency(summary: LatencySummary | null): string {
  if (summary === null) return "none";
  return `p50 ${summary.p50.toFixed(0)} ms, p99 ${summary.p99.toFixed(0)} ms, longest ${summary.max.toFixed(0)} ms`;
}

/** Every fifth, and all in which somebody came or went. */
function shown(seconds: readonly Second[]): Second[] {
  return seconds.filter(
    ({ serving }, index) => index % 5 === 0 || serving !== (seconds[index - 1]?.serving ?? serving),
  );
}

function row({ atS, level, answered, serving, asked, inFlight, p50Ms, p99Ms }: Second): string {
  const cells = [inFlight?.toFixed(1), p50Ms?.toFixed(0), p99Ms?.toFixed(0)].map((cell) => cell ?? "–");
  return `| ${atS.toFixed(0)} | ${level.toFixed(0)} | ${answered} | ${serving} | ${asked} | ${cells.join(" | ")} |`;
}

function chart({ seconds, replica, stages }: AutoscaleRun): string {
  // In flight that the load alone makes, over the target: as many replicas would just do.
  const needed = (level: number) => (level * replica.delayMs) / 1000 / replica.target;
  return lineChart({
    title: "The number of replicas follows the load",
    subtitle: `${stages}; ${replica.target} in flight per replica wanted`,
    x: { label: "time (s)" },
    y: { label: "replicas" },
    series: [
      {
        name: "load, as replicas at their target",
        points: seconds.map(({ atS, level }) => [atS, needed(level)]),
        dashed: true,
      },
      { name: "asked for", points: seconds.map(({ atS, asked }) => [atS, asked]) },
      { name: "serving", points: seconds.map(({ atS, serving }) => [atS, serving]) },
    ],
  });
}
