// The experiments there are, and how they are run and written down, one after the other.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RoundhouseError } from "../errors.ts";
import { a1 } from "./a1.ts";
import { a2 } from "./a2.ts";
import { a3 } from "./a3.ts";
import { a4 } from "./a4.ts";
import { a5 } from "./a5.ts";
import { a6 } from "./a6.ts";
import { a7 } from "./a7.ts";
import { a8 } from "./a8.ts";
import type { Experiment, Findings, Settings } from "./experiment.ts";
import { processReplicas } from "./replica-kind.ts";
import { type Circumstances, writeReport } from "./report.ts";

export const experiments: readonly Experiment[] = [a1, a2, a3, a4, a5, a6, a7, a8];

/** By the names of the command line; `all` for every one. Throws BAD_CONFIG. */
export function chosen(names: readonly string[]): readonly Experiment[] {
  if (names.includes("all")) return experiments;
  return names.map((name) => {
    const found = experiments.find(({ id }) => id === name.toLowerCase().replace("-", ""));
    if (found !== undefined) return found;
    const known = experiments.map(({ id }) => id).join(", ");
    throw new RoundhouseError("BAD_CONFIG", `There is no experiment "${name}"; accepted: ${known}, all`, {
      source: "downstream",
    });
  });
}

export interface Observer {
  /** A step of an experiment begins. */
  step(experiment: Experiment, done: number, steps: number, words: string): void;
  /** An experiment is written down. */
  finished(experiment: Experiment, findings: Findings, report: string): void;
}

/** Runs them and writes a folder for each, and an overview. */
export async function runExperiments(
  list: readonly Experiment[],
  settings: Settings,
  directory: string,
  made: Pick<Circumstances, "command" | "version" | "launcher">,
  observer: Observer,
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const written: { readonly experiment: Experiment; readonly findings: Findings }[] = [];
  for (const experiment of list) {
    const startedAt = new Date().toISOString();
    const began = performance.now();
    const findings = await experiment.run(settings, (done, steps, words) =>
      observer.step(experiment, done, steps, words),
    );
    const seconds = (performance.now() - began) / 1000;
    const launcher = experiment.withoutContainers === undefined ? made.launcher : processReplicas.launcher;
    const circumstances = { ...made, launcher, seed: settings.seed, startedAt, seconds };
    const report = await writeReport(directory, experiment, findings, circumstances);
    written.push({ experiment, findings });
    observer.finished(experiment, findings, report);
  }
  if (list.length > 1) writeFileSync(join(directory, "README.md"), overview(written));
}

function overview(
  written: readonly { readonly experiment: Experiment; readonly findings: Findings }[],
): string {
  const parts = written.map(({ experiment: { id, title, question }, findings }) => {
    const chart = findings.charts[0];
    const picture =
      chart === undefined ? "" : `\n\n![${chart.name.replaceAll("-", " ")}](${id}/${chart.name}.svg)`;
    return `## [${title}](${id}/report.md)\n\n${question}\n\n- ${findings.observations[0] ?? ""}${picture}`;
  });
  return `# Experiments\n\n${parts.join("\n\n")}\n`;
}
