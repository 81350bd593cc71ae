// Does the fleet follow the load? An open load of 1×, then 8×, then 1× again goes to replicas that each bear only so
// much: a replica works on a few requests at a time, each takes its time, and the others wait. Who serves, what is asked
// for and how long answers take is noted each second; every decision is taken from the front door's own report.
//
//   npm run bench -- autoscale [--rate 36] [--seconds 40,100,160] [--max 10]
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { StatusReport } from "../../src/balancer/admin-api.ts";
import { runLoad } from "../../src/load/load.ts";
import { settleLoad } from "../../src/load/load-settings.ts";
import { failedCount } from "../../src/load/recorder.ts";
import { up } from "../../test/cli/roundhouse-process.ts";
import { type AutoscaleRun, type Second, saveRun, summary } from "./report.ts";

/** One replica: so many requests at a time, each for so long: 100 requests/s. */
const workers = 5;
const delayMs = 50;
/** Requests under way at each replica that the fleet is to have: 60 % of what fills one. */
const target = 3;
const factor = 8;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rate: { type: "string", default: "36" },
      seconds: { type: "string", default: "40,100,160" },
      max: { type: "string", default: "10" },
    },
  });
  const [before = 0, high = 0, after = 0] = values.seconds.split(",").map(Number);
  const rate = Number(values.rate);
  // A step takes a second.
  const stages = `${before}s:${rate},1s:${rate * factor},${high}s:${rate * factor},1s:${rate},${after}s:${rate}`;
  const autoscale = ["--autoscale", `1..${values.max}`, "--target-in-flight", String(target)];
  const result = await measure(stages, autoscale);
  console.log(summary(result));
  saveRun(result, `npm run bench -- autoscale ${args.join(" ")}`.trim());
}

async function measure(stages: string, autoscale: readonly string[]): Promise<AutoscaleRun> {
  const replica = fileURLToPath(new URL("../../dist/experiments/lab-replica.js", import.meta.url));
  const command = ["env", `WORKERS=${workers}`, `DELAY_MS=${delayMs}`, process.execPath, replica];
  const door = await up([...autoscale, "--", ...command]);
  const seconds: Second[] = [];
  const polls: Promise<void>[] = [];
  try {
    const { options } = settleLoad({
      url: `${door.url}/home?{key}`,
      rate: stages,
      arrivals: "poisson",
      connections: "512",
      timeoutMs: "30000",
    });
    const startedMs = Date.now();
    const load = await runLoad({
      ...options,
      onSample: ({ atS, level, answered, p50, p99 }) => {
        polls.push(
          statusOf(door.adminUrl).then(({ serving, autoscale: report }) => {
            const asked = report?.recommended ?? 0;
            const inFlight = report?.opinions[0]?.value ?? null;
            seconds.push({ atS, level, answered, p50Ms: p50, p99Ms: p99, serving, asked, inFlight });
          }),
        );
      },
    });
    await Promise.all(polls);
    const { autoscale: report } = await statusOf(door.adminUrl);
    const decisions = (report?.decisions ?? [])
      .toReversed()
      .map((decision) => ({ ...decision, atS: (decision.atMs - startedMs) / 1000 }));
    const bad = load.counts.answered - (load.byCode["200"] ?? 0);
    return {
      stages,
      autoscale,
      replica: { workers, delayMs, target },
      requests: load.counts.answered + failedCount(load.counts) + load.counts.unsent,
      failed: failedCount(load.counts) + load.counts.unsent + bad,
      latencyMs: load.latencyMs,
      decisions,
      seconds,
    };
  } finally {
    await door.stop();
  }
}

async function statusOf(adminUrl: string): Promise<StatusReport> {
  return (await (await fetch(`${adminUrl}/api/v1/status`)).json()) as StatusReport;
}
