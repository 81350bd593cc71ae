// A-3: every endpoint is asked; then, under load, a replica is killed, another stopped, another made to answer 500s: how
// long each stays in the ring, how long until a healthy one serves in its place, and what the clients notice.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { barChart } from "../charts/bar-chart.ts";
import { lineChart } from "../charts/line-chart.ts";
import { type LoadResult, runLoad } from "../load/load.ts";
import { settleLoad } from "../load/load-settings.ts";
import { failedCount, type LoadSample } from "../load/recorder.ts";
import { askEndpoints, type EndpointCheck } from "./endpoints.ts";
import type { Experiment, Findings, Progress, Settings } from "./experiment.ts";
import { setMood } from "./lab-fleet.ts";
import type { ReplicaState, RunningFleet } from "./running-fleet.ts";
import { type LogLine, until } from "./running-product.ts";

type Fault = "kill -9" | "SIGSTOP" | "answers 500";

const faults: readonly Fault[] = ["kill -9", "SIGSTOP", "answers 500"];
const repetitions = 5;
const users = 32;
const sampleMs = 100;
/** Shorter than the default of 30 s, so that five ejections fit into an experiment. */
const ejectionMs = 1000;

interface Incident {
  readonly fault: Fault;
  readonly spares: number;
  /** From the fault until requests are no longer sent there. */
  readonly outMs: number;
  /** From the fault until a healthy replica serves on its seat; null when the same one stays. */
  readonly healedMs: number | null;
  /** Seconds from the beginning of the load. */
  readonly atS: number;
}

interface Run {
  readonly fault: Fault;
  readonly spares: number;
  readonly incidents: readonly Incident[];
  readonly answered: number;
  /** Without an answer, or with one of 500 or more. */
  readonly failed: number;
  readonly byCode: Readonly<Record<string, number>>;
  readonly problems: Readonly<Record<string, number>>;
  readonly samples: readonly LoadSample[];
}

export const a3: Experiment = {
  id: "a3",
  title: "A-3: endpoints, and what happens when a replica fails",
  question:
    "How long does a failed replica stay in the ring, how soon is it replaced, and which requests fail?",
  run,
};

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const plan = faults.flatMap((fault) =>
    (fault === "answers 500" ? [0] : [0, 1]).map((spares) => ({ fault, spares })),
  );
  progress(0, plan.length + 1, "endpoints");
  const checks = await checkEndpoints(settings);
  const runs: Run[] = [];
  for (const { fault, spares } of plan) {
    progress(runs.length + 1, plan.length + 1, `${fault}, ${spares} spares`);
    runs.push(await measure(fault, spares, settings));
  }
  return {
    method:
      `Three replicas, key \`random\`, ${users} users who ask \`GET /home\` without a pause. Each fault happens ${repetitions} ` +
      "times in one run, to one replica after the other, when all three are healthy again. Times are those of the front " +
      "door's own log, from the moment of the fault. “Answers 500” means every request but the heartbeat; such a replica is " +
      `set aside (ejected, here for ${ejectionMs} ms at first instead of 30 s), keeps its seat, and is tried again later, so ` +
      "nothing is replaced. A failed request is one without an answer or with a status of 500 or more.",
    data: { checks, runs },
    tables: [endpointTable(checks), incidentTable(runs)],
    charts: [
      ...runs.map((one) => ({ name: chartName(one), svg: timeline(one) })),
      { name: "times", svg: timesChart(runs) },
    ],
    observations: [endpointsText(checks), ...runs.map(observation)],
  };
}

async function checkEndpoints(settings: Settings): Promise<readonly EndpointCheck[]> {
  const fleet = await settings.startFleet(["-n", "3"]);
  try {
    return await askEndpoints(fleet.url);
  } finally {
    await fleet.stop();
  }
}

async function measure(fault: Fault, spares: number, settings: Settings): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-a3-"));
  const config = join(folder, "roundhouse.config.json");
  writeFileSync(config, JSON.stringify({ ejection: { ejectionMs } }));
  const args = ["-n", "3", "--warm", String(spares), "--config", config];
  const fleet = await settings.startFleet(args, fault === "answers 500" ? {} : undefined);
  const stop = new AbortController();
  try {
    const { options } = settleLoad({
      url: `${fleet.url}/home`,
      users: String(users),
      duration: "10m",
      seed: String(settings.seed),
    });
    const signal = AbortSignal.any([stop.signal, settings.signal]);
    const beganMs = Date.now();
    const load = runLoad({ ...options, signal, sampleMs });
    const incidents: Incident[] = [];
    for (let nth = 0; nth < repetitions; nth++) {
      await settled(fleet, spares);
      await pause(1000);
      incidents.push(await cause(fault, spares, nth, fleet, beganMs));
    }
    await pause(1000);
    stop.abort();
    return summed(fault, spares, incidents, await load);
  } finally {
    stop.abort();
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function summed(fault: Fault, spares: number, incidents: readonly Incident[], result: LoadResult): Run {
  const { byCode, counts, problems, samples } = result;
  const bad = Object.entries(byCode).filter(([code]) => Number(code) >= 500);
  return {
    fault,
    spares,
    incidents,
    answered: counts.answered,
    failed: bad.reduce((sum, [, count]) => sum + count, failedCount(counts)),
    byCode,
    problems,
    samples,
  };
}

async function settled(fleet: RunningFleet, spares: number): Promise<void> {
  await until("three healthy replicas and their spares", async () => {
    const status = await fleet.status();
    const healthy = status.replicas.filter(({ state }) => state === "healthy").length;
    const ready = status.spares.filter(({ state }) => state === "healthy").length;
    const aside = JSON.stringify(status.replicas).includes('"ejected"');
    return healthy === 3 && ready >= spares && !aside ? true : null;
  });
}

async function cause(
  fault: Fault,
  spares: number,
  nth: number,
  fleet: RunningFleet,
  beganMs: number,
): Promise<Incident> {
  const { replicas } = await fleet.status();
  const victim = replicas[nth % 3] as ReplicaState;
  const logged = fleet.log.length;
  const atMs = Date.now();
  const atS = (atMs - beganMs) / 1000;
  const since = () => fleet.log.slice(logged);
  if (fault === "answers 500") {
    await setMood(victim, { status: 500 });
    const line = await until(`${victim.name} is set aside`, () => ejectionOf(since(), victim.name));
    await setMood(victim, { status: 200 });
    return { fault, spares, atS, outMs: line.timeMs - atMs, healedMs: null };
  }
  const harmedMs = await fleet.harm(victim, fault === "kill -9" ? "kill" : "freeze");
  const out = await until(
    `${victim.name} leaves the ring`,
    () =>
      since().find(
        ({ replica, state }) => replica === victim.name && (state === "dead" || state === "down"),
      ) ?? null,
  );
  const healed = await until(
    `another serves for ${victim.name}`,
    () =>
      since().find(
        ({ seat, state, replica }) => seat === victim.seat && state === "healthy" && replica !== victim.name,
      ) ?? null,
  );
  return { fault, spares, atS, outMs: out.timeMs - harmedMs, healedMs: healed.timeMs - harmedMs };
}

function ejectionOf(lines: readonly LogLine[], name: string): LogLine | null {
  return lines.find(({ event, replica }) => event === "ejection" && replica === name) ?? null;
}

function endpointTable(checks: readonly EndpointCheck[]) {
  return {
    name: "endpoints",
    title: "Endpoints",
    columns: ["request", "expected", "answered", "as expected"],
    rows: checks.map(({ request, expected, answered, fine }) => [
      request,
      expected,
      answered,
      fine ? "yes" : "NO",
    ]),
  };
}

function incidentTable(runs: readonly Run[]) {
  return {
    name: "incidents",
    title: "Incidents",
    columns: ["fault", "spares", "at (s)", "out of use after (ms)", "healthy replacement after (ms)"],
    rows: runs.flatMap(({ incidents }) =>
      incidents.map(({ fault, spares, atS, outMs, healedMs }) => [
        fault,
        spares,
        atS.toFixed(2),
        outMs,
        healedMs,
      ]),
    ),
  };
}

const chartName = ({ fault, spares }: Run): string =>
  `timeline-${fault.replace(/[^a-z0-9]+/gi, "-")}-${spares}-spares`;

/** Around the first incident: from one second before to three after. */
function timeline({ fault, spares, incidents, samples }: Run): string {
  const [first] = incidents;
  const from = (first?.atS ?? 0) - 1;
  const shown = samples.filter(({ atS }) => atS >= from && atS <= from + 4);
  const perS = (count: number) => (count * 1000) / sampleMs;
  const moments = [
    { x: first?.atS ?? 0, label: fault },
    { x: (first?.atS ?? 0) + (first?.outMs ?? 0) / 1000, label: `out of use, ${first?.outMs} ms` },
    ...(first?.healedMs == null
      ? []
      : [{ x: first.atS + first.healedMs / 1000, label: `replaced, ${first.healedMs} ms` }]),
  ];
  return lineChart({
    title: `A-3: ${fault}, ${spares === 0 ? "no spare" : `${spares} warm spare`}`,
    subtitle: `three replicas, ${users} users; each ${sampleMs} ms, the first incident`,
    x: { label: "time (s)", from, to: from + 4 },
    y: { label: "answers/s" },
    series: [
      { name: "answers/s", points: shown.map(({ atS, answered }) => [atS, perS(answered)] as const) },
      { name: "without answer/s", points: shown.map(({ atS, failed }) => [atS, perS(failed)] as const) },
    ],
    moments,
  });
}

function timesChart(runs: readonly Run[]): string {
  const label = ({ fault, spares }: Run) => (fault === "answers 500" ? fault : `${fault}, ${spares} spares`);
  const times = (one: Run, pick: (incident: Incident) => number | null) =>
    one.incidents.map(pick).filter((value) => value !== null);
  const series = (name: string, pick: (incident: Incident) => number | null) => ({
    name,
    values: runs.map((one) => (times(one, pick).length === 0 ? null : median(times(one, pick)))),
    low: runs.map((one) => Math.min(...times(one, pick))),
    high: runs.map((one) => Math.max(...times(one, pick))),
  });
  return barChart({
    title: "A-3: how soon a failed replica is out of use, and replaced",
    subtitle: `median of ${repetitions}; whiskers: least and most`,
    x: { label: "fault", names: runs.map(label) },
    y: { label: "ms" },
    series: [series("out of use", ({ outMs }) => outMs), series("replaced", ({ healedMs }) => healedMs)],
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

function endpointsText(checks: readonly EndpointCheck[]): string {
  const wrong = checks.filter(({ fine }) => !fine);
  if (wrong.length === 0)
    return `All ${checks.length} requests to the endpoints were answered as the contract says.`;
  return `**${wrong.length} of ${checks.length} endpoints did not answer as the contract says**: ${wrong.map(({ request }) => request).join(", ")}.`;
}

function observation({ fault, spares, incidents, answered, failed }: Run): string {
  const outs = incidents.map(({ outMs }) => outMs);
  const healed = incidents.map(({ healedMs }) => healedMs).filter((value) => value !== null);
  const replaced =
    healed.length === 0 ? "" : `, replaced after ${median(healed)} ms (at most ${Math.max(...healed)})`;
  const spare = fault === "answers 500" ? "" : spares === 0 ? ", no spare" : `, ${spares} warm spare`;
  return (
    `**${fault}**${spare}: out of use after ${median(outs)} ms (at most ${Math.max(...outs)})${replaced}; ` +
    `${failed} of ${(answered + failed).toLocaleString("en")} requests failed over ${incidents.length} incidents.`
  );
}
