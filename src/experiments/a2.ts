// the load per server as the fleet grows from two to six. The average is 10,000/N whatever the hash does; the
// spread is what differs.
import { barChart } from "../charts/bar-chart.ts";
import { lineChart } from "../charts/line-chart.ts";
import type { PlacementName } from "../ring/ring.ts";
import type { Experiment, Findings, Progress, Settings } from "./experiment.ts";
import { greetingLoads } from "./greeting-load.ts";
import { placements, titleOf } from "./placements.ts";
import { type Spread, spreadOf } from "./spread.ts";

const sizes = [2, 3, 4, 5, 6] as const;

interface Run extends Spread {
  readonly placement: PlacementName;
  readonly servers: number;
  /** By seat. */
  readonly counts: readonly number[];
  readonly failed: number;
}

export const a2: Experiment = {
  id: "a2",
  title: "A-2: the load per server as the fleet grows from 2 to 6",
  question: "How evenly is the load spread at each size of the fleet?",
  run,
};

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const runs: Run[] = [];
  for (const placement of placements) {
    const fleet = await settings.startFleet(["-n", String(sizes[0]), "--hash", placement]);
    try {
      const tell = (servers: number) =>
        progress(runs.length, placements.length * sizes.length, `${titleOf(placement)}, N = ${servers}`);
      for await (const { servers, counts, failed } of greetingLoads(fleet, sizes, settings, tell)) {
        runs.push({ placement, servers, counts, failed, ...spreadOf(counts) });
      }
    } finally {
      await fleet.stop();
    }
  }
  return {
    method:
      `\`roundhouse up -n 2 --hash PLACEMENT\`, then \`POST /add {"n":1}\` between the runs. At each size ` +
      `${settings.requestCount.toLocaleString("en")} requests \`GET /home\` by 64 users at once, key \`random\`.`,
    data: runs,
    tables: [tableOf(runs)],
    charts: [
      { name: "average-load", svg: averageChart(runs, settings.requestCount) },
      { name: "max-to-average", svg: ratioChart(runs) },
      { name: "standard-deviation", svg: deviationChart(runs) },
    ],
    observations: [theAverage(runs), ...placements.map((placement) => observation(runs, placement))],
  };
}

function tableOf(runs: readonly Run[]) {
  return {
    name: "load-per-server",
    title: "Load per server",
    columns: [
      "placement",
      "N",
      "average",
      "min",
      "max",
      "standard deviation",
      "max/avg",
      "failed",
      "counts by seat",
    ],
    rows: runs.map((one) => [
      titleOf(one.placement),
      one.servers,
      one.average,
      one.min,
      one.max,
      one.standardDeviation.toFixed(1),
      one.maxToAverage.toFixed(3),
      one.failed,
      one.counts.join(" "),
    ]),
  };
}

const of = (runs: readonly Run[], placement: PlacementName) =>
  runs.filter((one) => one.placement === placement);

/** The line is the average; the bands are what it hides. */
function averageChart(runs: readonly Run[], requestCount: number): string {
  const shown: readonly PlacementName[] = ["assignment", "rendezvous"];
  return lineChart({
    title: "A-2: average load per server, and its range from least to most",
    subtitle: `${requestCount.toLocaleString("en")} requests at each size; both averages are requests/N, and lie on each other`,
    x: { label: "servers (N)" },
    y: { label: "requests per server" },
    series: shown.map((placement, index) => ({
      name: titleOf(placement),
      points: of(runs, placement).map(({ servers, average }) => [servers, average] as const),
      band: of(runs, placement).map(({ servers, min, max }) => [servers, min, max] as const),
      dashed: index > 0,
    })),
  });
}

function ratioChart(runs: readonly Run[]): string {
  return lineChart({
    title: "A-2: the fullest server's load over the average",
    subtitle: "1 is perfectly even",
    x: { label: "servers (N)" },
    y: { label: "max/avg", from: 1 },
    series: placements.map((placement) => ({
      name: titleOf(placement),
      points: of(runs, placement).map(({ servers, maxToAverage }) => [servers, maxToAverage] as const),
    })),
  });
}

function deviationChart(runs: readonly Run[]): string {
  return barChart({
    title: "A-2: standard deviation of the load",
    subtitle: "over the servers of one run",
    x: { label: "servers (N)", names: sizes.map(String) },
    y: { label: "requests" },
    series: placements.map((placement) => ({
      name: titleOf(placement),
      values: of(runs, placement).map(({ standardDeviation }) => Math.round(standardDeviation)),
    })),
  });
}

function theAverage(runs: readonly Run[]): string {
  const averages = sizes.map(
    (servers) => `${runs.find((one) => one.servers === servers)?.average.toFixed(0)} at N = ${servers}`,
  );
  return `The average is the number of requests over N by definition, ${averages.join(", ")}: it says nothing about a hash.`;
}

function observation(runs: readonly Run[], placement: PlacementName): string {
  const own = of(runs, placement);
  const ratios = own.map(({ servers, maxToAverage }) => `${maxToAverage.toFixed(2)} (N = ${servers})`);
  const first = own[0] as Run;
  const last = own.at(-1) as Run;
  const relief = 1 - last.max / first.max;
  return (
    `**${titleOf(placement)}**: max/avg ${ratios.join(", ")}. From N = ${first.servers} to N = ${last.servers} the fullest ` +
    `server's load went from ${first.max.toLocaleString("en")} to ${last.max.toLocaleString("en")} requests, ` +
    `${(relief * 100).toFixed(0)} % less (an even spread: ${((1 - first.servers / last.servers) * 100).toFixed(0)} % less).`
  );
}
