// 10,000 requests over three servers, with the course project's hash and with each other placement.
import { barChart } from "../charts/bar-chart.ts";
import type { PlacementName } from "../ring/ring.ts";
import { type Experiment, type Findings, type Progress, percent, type Settings } from "./experiment.ts";
import { greetingLoad } from "./greeting-load.ts";
import { placements, ringOf, sharesOfIds, titleOf } from "./placements.ts";
import { chiSquared, spreadOf } from "./spread.ts";

const serverCount = 3;

interface Run {
  readonly placement: PlacementName;
  /** By seat: S1, S2, S3. */
  readonly counts: readonly number[];
  /** By arithmetic over every six-digit request id. */
  readonly expected: readonly number[];
  readonly failed: number;
  readonly seconds: number;
}

export const a1: Experiment = {
  id: "a1",
  title: "A-1: how requests spread over three servers",
  question: "Which share of 10,000 asynchronous requests does each of three servers get?",
  run,
};

async function run(settings: Settings, progress: Progress): Promise<Findings> {
  const runs: Run[] = [];
  for (const [done, placement] of placements.entries()) {
    progress(done, placements.length, titleOf(placement));
    runs.push(await measure(placement, settings));
  }
  return {
    method:
      `\`roundhouse up -n ${serverCount} --hash PLACEMENT\`, key \`random\`: each request gets a random six-digit id, as in the ` +
      `course project. ${settings.requestCount.toLocaleString("en")} requests \`GET /home\` by 64 users at once; counted by the ` +
      "greeting. “Expected” is not measured but computed: the ring is asked for the owner of every id from 100000 to 999999.",
    data: runs,
    tables: [tableOf(runs)],
    charts: [{ name: "requests-per-server", svg: chartOf(runs, settings.requestCount) }],
    observations: [...runs.map(observation), theCourse(runs)],
  };
}

async function measure(placement: PlacementName, settings: Settings): Promise<Run> {
  const fleet = await settings.startFleet(["-n", String(serverCount), "--hash", placement]);
  try {
    const greeted = await greetingLoad(fleet, settings);
    return { placement, expected: sharesOfIds(ringOf(placement, serverCount)), ...greeted };
  } finally {
    await fleet.stop();
  }
}

function tableOf(runs: readonly Run[]) {
  const seats = Array.from({ length: serverCount }, (_, seat) => `S${seat + 1}`);
  return {
    name: "requests-per-server",
    title: "Requests per server",
    columns: ["placement", ...seats, ...seats.map((seat) => `${seat} expected`), "max/avg", "failed"],
    rows: runs.map(({ placement, counts, expected, failed }) => [
      titleOf(placement),
      ...counts,
      ...expected.map((share) => percent(share)),
      spreadOf(counts).maxToAverage.toFixed(3),
      failed,
    ]),
  };
}

function chartOf(runs: readonly Run[], requestCount: number): string {
  return barChart({
    title: "A-1: requests per server, N = 3",
    subtitle: `${requestCount.toLocaleString("en")} requests for each placement`,
    x: { label: "server", names: Array.from({ length: serverCount }, (_, seat) => `S${seat + 1}`) },
    y: { label: "requests" },
    series: runs.map(({ placement, counts }) => ({ name: titleOf(placement), values: counts })),
    reference: { value: requestCount / serverCount, label: "even share" },
  });
}

function observation({ placement, counts, expected, failed }: Run): string {
  const { total, maxToAverage } = spreadOf(counts);
  const shares = counts.map((count) => percent(count / total)).join(" / ");
  const { value, limit } = chiSquared(counts, expected);
  const verdict =
    value <= limit
      ? `agrees with the computed ${expected.map((share) => percent(share)).join(" / ")}`
      : `does **not** agree with the computed ${expected.map((share) => percent(share)).join(" / ")}`;
  return (
    `**${titleOf(placement)}**: ${shares}, max/avg ${maxToAverage.toFixed(3)}; ${verdict} ` +
    `(χ² ${value.toFixed(2)}; chance alone exceeds ${limit.toFixed(1)} once in 1,000 times). ${failed} requests failed.`
  );
}

function theCourse(runs: readonly Run[]): string {
  const evenness = runs.map(({ placement, counts }) => ({ placement, ratio: spreadOf(counts).maxToAverage }));
  const course = evenness.find(({ placement }) => placement === "assignment");
  const best = evenness.reduce((a, b) => (b.ratio < a.ratio ? b : a));
  return (
    `The fullest server gets ${course?.ratio.toFixed(2)} times the average with the course's hash, and ` +
    `${best.ratio.toFixed(2)} times with \`${best.placement}\`, the most even one in this run. A-4 explains why.`
  );
}
