// `npm run bench -- ring [placement…]`: every placement of the ring side by side, with the targets it must meet.
// The measuring is in measure.ts, in a process for each placement; here are the table and the result files.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { PlacementName } from "../../src/ring/ring.ts";
import type { Figures } from "./measure.ts";

const placements: readonly PlacementName[] = ["rendezvous", "assignment", "ketama", "maglev", "jump"];

/** Measures the named placements (all by default), prints the table, and keeps it in bench/results when complete. */
export async function run(args: string[]): Promise<void> {
  if (args.includes("--help")) return console.log(`Usage: npm run bench -- ring [${placements.join("|")}]…`);
  const chosen = args.length === 0 ? placements : args.map(placementNamed);
  const all = chosen.map(measured);
  const text = report(all);
  console.log(text);
  if (args.length === 0) keep(text, all);
}

function placementNamed(name: string): PlacementName {
  const found = placements.find((placement) => placement === name);
  if (found === undefined)
    throw new RangeError(`No placement is named "${name}"; choose ${placements.join(", ")}`);
  return found;
}

function measured(placement: PlacementName): Figures {
  console.error(`measuring ${placement} …`);
  const script = fileURLToPath(new URL("./measure.ts", import.meta.url));
  const child = spawnSync(process.execPath, ["--import", "tsx", script, placement], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0)
    throw new Error(`Measuring ${placement} ended with ${child.status ?? child.signal}`);
  return JSON.parse(child.stdout) as Figures;
}

type Row = readonly [what: string, cell: (figures: Figures) => string];

const rows: readonly Row[] = [
  ["slots (ketama: points, jump: buckets)", ({ slots }) => slots.toLocaleString("en")],
  ["servers where it says N = 100", ({ serversMany }) => String(serversMany)],
  [
    "lookup, numeric key, M/s: best (median) round",
    ({ numericKey: r }) => `${fixed(r.best, 1)} (${fixed(r.median, 1)})`,
  ],
  ["lookup, 20-byte string, M/s", ({ stringKey: r }) => `${fixed(r.best, 1)} (${fixed(r.median, 1)})`],
  [
    "lookup, numeric, after 100 changes, M/s",
    ({ numericKeyAfterChanges: r }) => `${fixed(r.best, 1)} (${fixed(r.median, 1)})`,
  ],
  ["join at N = 100, CPU ms", ({ joinMs }) => fixed(joinMs, 2)],
  ["leave at N = 100, CPU ms", ({ leaveMs }) => fixed(leaveMs, 2)],
  ["join, weighted, CPU ms", ({ weightedJoinMs: ms }) => (ms === null ? "–" : fixed(ms, 2))],
  ["leave, weighted, CPU ms", ({ weightedLeaveMs: ms }) => (ms === null ? "–" : fixed(ms, 2))],
  ["join, first in the process, CPU ms", ({ firstJoinMs }) => fixed(firstJoinMs, 2)],
  ["build of N = 100, CPU ms", ({ buildMs }) => fixed(buildMs, 1)],
  [
    "longest step of that build in steps, first in the process, CPU ms",
    ({ longestStepMs }) => fixed(longestStepMs, 2),
  ],
  [
    "max/avg share, N = 10: median (p99)",
    ({ balanceFew: s }) => `${fixed(s.median, 3)} (${fixed(s.p99, 3)})`,
  ],
  [
    "max/avg share, N = 100: median (p99)",
    ({ balanceMany: s }) => `${fixed(s.median, 3)} (${fixed(s.p99, 3)})`,
  ],
  ["moved / ideal, 11th server joins (mean)", ({ movedOverIdeal }) => fixed(movedOverIdeal, 3)],
  [
    "moved between servers that stay, worst, %",
    ({ strayMax }) => (strayMax === 0 ? "0" : fixed(100 * strayMax, 2)),
  ],
  ["memory of a ring of N = 100, KiB", ({ ringKiB }) => fixed(ringKiB, 0)],
];

function fixed(value: number, digits: number): string {
  return value.toFixed(digits);
}

type Target = readonly [what: string, seen: number, bound: number, atLeast?: "at least"];

// What the default placement has to reach.
function targets(figures: Figures): readonly Target[] {
  return [
    ["lookup, numeric key, M/s (median round)", figures.numericKey.median, 30, "at least"],
    ["lookup, 20-byte string, M/s (median round)", figures.stringKey.median, 15, "at least"],
    ["join, ms", figures.joinMs, 10],
    ["leave, ms", figures.leaveMs, 10],
    ["join, weighted, ms", figures.weightedJoinMs ?? Number.NaN, 10],
    ["leave, weighted, ms", figures.weightedLeaveMs ?? Number.NaN, 10],
    ["max/avg at N = 10, p99", figures.balanceFew.p99, 1.03],
    ["max/avg at N = 100, p99", figures.balanceMany.p99, 1.08],
    ["moved part, greatest deviation from 1/N in √((1−1/N)/(N·M))", figures.movedSigmasMax, 4],
    ["moved between servers that stay", figures.strayMax, 0],
  ];
}

function report(all: readonly Figures[]): string {
  const lines = [
    "# Ring: placements side by side",
    "",
    `Command: \`npm run bench -- ring\`. Machine: ${cpus()[0]?.model.trim()}, ${cpus().length} cores; ` +
      `Node ${process.version}; ${new Date().toISOString().slice(0, 10)}.`,
    "",
    "One core; all times are CPU times of the measuring process, milliseconds are medians. Shares and moves are over 200",
    "seeds; a seed gives other seats (random in 1…65,535) and, for ketama, other addresses; the hash functions stay.",
    "",
    `| | ${all.map(({ placement }) => placement).join(" | ")} |`,
    `|---|${all.map(() => "---:|").join("")}`,
    ...rows.map(([what, cell]) => `| ${what} | ${all.map(cell).join(" | ")} |`),
  ];
  const main = all.find(({ placement }) => placement === "rendezvous");
  if (main !== undefined) lines.push("", "## Targets of `rendezvous`", "", ...targetLines(main));
  return `${lines.join("\n")}\n`;
}

function targetLines(figures: Figures): string[] {
  const lines = targets(figures).map(([what, seen, bound, atLeast]) => {
    const met = atLeast ? seen >= bound : seen <= bound;
    return `| ${what} | ${atLeast ? "≥" : "≤"} ${bound} | ${Number(seen.toFixed(3))} | ${met ? "met" : "**missed**"} |`;
  });
  return ["| what | target | measured | |", "|---|---:|---:|---|", ...lines];
}

function keep(text: string, figures: readonly Figures[]): void {
  const folder = fileURLToPath(new URL("../results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const about = {
    command: "npm run bench -- ring",
    cpu: cpus()[0]?.model.trim(),
    node: process.version,
    date: new Date().toISOString(),
  };
  writeFileSync(`${folder}ring.md`, text);
  writeFileSync(`${folder}ring.json`, `${JSON.stringify({ ...about, figures }, null, 2)}\n`);
}
