// Writes an experiment down: raw data as JSON and CSV, charts as SVG and PNG, and a report in Markdown with everything
// that is needed to do it again.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { arch, cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { toPng } from "../charts/png.ts";
import type { Cell, Experiment, Findings, Table } from "./experiment.ts";

/** What a report says about its making. */
export interface Circumstances {
  /** As typed, to do it again. */
  readonly command: string;
  /** What started the replicas. */
  readonly launcher: string;
  readonly seed: number;
  readonly startedAt: string;
  readonly seconds: number;
  /** Version of the package. */
  readonly version: string;
}

/** Longer tables are in their CSV file only. */
const rowsShownMax = 40;

/** Writes `DIR/<id>/` and returns the report's path. */
export async function writeReport(
  directory: string,
  experiment: Experiment,
  findings: Findings,
  circumstances: Circumstances,
): Promise<string> {
  const folder = join(directory, experiment.id);
  mkdirSync(folder, { recursive: true });
  const { title, question, id } = experiment;
  const machine = machineText();
  const commit = commitText();
  const raw = { experiment: id, title, ...circumstances, commit, machine, data: findings.data };
  writeFileSync(join(folder, "data.json"), `${JSON.stringify(raw, null, 2)}\n`);
  for (const table of findings.tables) writeFileSync(join(folder, `${table.name}.csv`), csv(table));
  for (const { name, svg } of findings.charts) {
    writeFileSync(join(folder, `${name}.svg`), `${svg}\n`);
    writeFileSync(join(folder, `${name}.png`), await toPng(svg));
  }
  const text = markdown(title, question, findings, { ...circumstances, commit, machine });
  const file = join(folder, "report.md");
  writeFileSync(file, text);
  return file;
}

function markdown(
  title: string,
  question: string,
  findings: Findings,
  made: Circumstances & { readonly commit: string; readonly machine: string },
): string {
  const parts = [
    `# ${title}`,
    question,
    "## What was found",
    findings.observations.map((sentence) => `- ${sentence}`).join("\n"),
    ...findings.charts.map(({ name }) => `![${name.replaceAll("-", " ")}](${name}.svg)`),
    "## How it was measured",
    findings.method,
    [
      `- command: \`${made.command}\``,
      `- launcher: ${made.launcher}`,
      `- begun ${made.startedAt}, took ${made.seconds.toFixed(1)} s; seed ${made.seed}`,
      `- Roundhouse ${made.version}, ${made.commit}`,
      `- machine: ${made.machine}`,
      "- raw data: [data.json](data.json), and the tables as CSV beside it; every chart as PNG too",
    ].join("\n"),
    ...findings.tables.map(tableText),
  ];
  return `${parts.join("\n\n")}\n`;
}

function tableText({ title, name, columns, rows }: Table): string {
  const link = `[${name}.csv](${name}.csv)`;
  if (rows.length > rowsShownMax) return `## ${title}\n\n${rows.length} rows: ${link}`;
  const line = (cells: readonly Cell[]) =>
    `| ${cells.map((cell) => String(cell ?? "").replaceAll("|", "\\|")).join(" | ")} |`;
  return [`## ${title}`, "", line(columns), line(columns.map(() => "---")), ...rows.map(line), "", link].join(
    "\n",
  );
}

/** RFC 4180. */
export function csv({ columns, rows }: Pick<Table, "columns" | "rows">): string {
  const field = (cell: Cell) => {
    const text = String(cell ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function machineText(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} × ${first?.model.trim() || "unknown processor"}, ${memory}, ${type()} ${release()} ${arch()}, Node ${process.version}`;
}

/** The commit of the working directory, when it is a checkout of this project. */
function commitText(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return `commit ${git("rev-parse", "--short=12", "HEAD")}${changed ? " with changes" : ""}`;
  } catch {
    return "no checkout";
  }
}
