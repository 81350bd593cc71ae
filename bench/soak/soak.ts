// Months in minutes: millions of requests while the fleet never rests. Each second a replica is added, removed or killed;
// memory and open files of the front door are read every two seconds. Nothing may grow: the last quarter of the run is
// compared with the second one (the first warms up).
//
//   npm run bench -- soak [--requests 5000000] [--users 64] [--seed 1]
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type LoadResult, runLoad } from "../../src/load/load.ts";
import { settleLoad } from "../../src/load/load-settings.ts";
import { type Random, seededRandom } from "../../src/load/random.ts";
import { failedCount } from "../../src/load/recorder.ts";
import { type RunningFrontDoor, up } from "../../test/cli/roundhouse-process.ts";
import { machineText } from "../machine.ts";

interface Sample {
  readonly atS: number;
  readonly rssMb: number;
  readonly files: number;
}

interface Churn {
  added: number;
  removed: number;
  killed: number;
  /** Changes that the front door refused, in words. */
  readonly refused: string[];
}

const replicasMin = 2;
const replicasMax = 6;
const sampleMs = 2000;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      requests: { type: "string", default: "5000000" },
      users: { type: "string", default: "64" },
      seed: { type: "string", default: "1" },
    },
  });
  const door = await up(["-n", "4", "--key", "path", "--warm", "1"]);
  const samples: Sample[] = [];
  const churn: Churn = { added: 0, removed: 0, killed: 0, refused: [] };
  const beganMs = performance.now();
  const watch = setInterval(() => samples.push(sampleOf(door.pid, beganMs)), sampleMs);
  const stop = new AbortController();
  const random = seededRandom(Number(values.seed));
  const restless = changeEverySecond(door, churn, random, stop.signal);
  const { options } = settleLoad({
    url: `${door.url}/home?{key}`,
    users: values.users,
    requests: values.requests,
    keys: "zipf:100000:1.1",
    seed: values.seed,
  });
  try {
    const result = await runLoad({
      ...options,
      onSample: ({ atS, answered }) => process.stderr.write(`\r${atS.toFixed(0)} s ${answered}/s `),
    });
    stop.abort();
    await restless;
    process.stderr.write("\n");
    const text = report(result, samples, churn, `npm run bench -- soak ${args.join(" ")}`.trim());
    console.log(text);
    save(text, { result, samples, churn });
  } finally {
    clearInterval(watch);
    stop.abort();
    await door.stop();
  }
}

function sampleOf(pid: number, beganMs: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    atS: (performance.now() - beganMs) / 1000,
    rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
    files: readdirSync(`/proc/${pid}/fd`).length,
  };
}

async function changeEverySecond(
  door: RunningFrontDoor,
  churn: Churn,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const status = (await (await fetch(`${door.adminUrl}/api/v1/status`)).json()) as {
      replicas: { name: string; pid: number | null; state: string }[];
    };
    const healthy = status.replicas.filter(({ state }) => state === "healthy");
    const victim = healthy[Math.floor(random() * healthy.length)];
    const chance = random();
    if (chance < 0.34 && victim?.pid != null) {
      process.kill(victim.pid, "SIGKILL");
      churn.killed++;
    } else if (healthy.length <= replicasMin || (chance < 0.67 && healthy.length < replicasMax)) {
      if (await change(door, "POST", "/add", churn)) churn.added++;
    } else if (await change(door, "DELETE", "/rm", churn)) churn.removed++;
  }
}

async function change(door: RunningFrontDoor, method: string, path: string, churn: Churn): Promise<boolean> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${door.url}${path}`, { method, headers, body: '{"n":1}' });
  const text = await answer.text();
  if (!answer.ok) churn.refused.push(text);
  return answer.ok;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Medians over the quarter from `from` to `to` of the run. */
function quarter(samples: readonly Sample[], from: number, to: number): { rssMb: number; files: number } {
  const endS = samples.at(-1)?.atS ?? 0;
  const own = samples.filter(({ atS }) => atS >= from * endS && atS <= to * endS);
  return { rssMb: median(own.map(({ rssMb }) => rssMb)), files: median(own.map(({ files }) => files)) };
}

function report(result: LoadResult, samples: readonly Sample[], churn: Churn, command: string): string {
  const [second, last] = [quarter(samples, 0.25, 0.5), quarter(samples, 0.75, 1)];
  const failed = failedCount(result.counts);
  const bad = Object.entries(result.byCode).filter(([code]) => code !== "200");
  const peak = Math.max(...samples.map(({ rssMb }) => rssMb));
  return `# Soak: millions of requests in a fleet that never rests

- Command: \`${command}\`
- Date: ${new Date().toISOString().slice(0, 10)}
- Machine: ${machineText()}

Built-in replicas, one warm spare, key \`path\`, Zipf keys; each second a replica is added, removed or killed with SIGKILL.
Front door, replicas and the load share the machine's cores. RSS and open files are those of the front door's process.

| what | figure |
|---|---|
| requests answered | ${result.counts.answered.toLocaleString("en")} in ${result.seconds.toFixed(0)} s |
| without an answer | ${failed} |
| answered with another status than 200 | ${bad.length === 0 ? "0" : bad.map(([code, count]) => `${code}: ${count}`).join(", ")} |
| replicas added, removed, killed | ${churn.added}, ${churn.removed}, ${churn.killed} |
| changes refused | ${churn.refused.length} |
| RSS, median of the second quarter → of the last | ${second.rssMb.toFixed(1)} → ${last.rssMb.toFixed(1)} MB (peak ${peak.toFixed(1)}) |
| open files, median of the second quarter → of the last | ${second.files} → ${last.files} |
`;
}

function save(text: string, raw: object): void {
  const path = (name: string) => fileURLToPath(new URL(`../results/${name}`, import.meta.url));
  writeFileSync(path("soak.md"), text);
  writeFileSync(path("soak.json"), `${JSON.stringify(raw, null, 1)}\n`);
}
