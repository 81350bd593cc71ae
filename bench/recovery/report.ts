// The recovery figures as a table, and as files under bench/results/.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { machineText } from "../machine.ts";

export interface KillResult {
  /** From the signal to the first `/rep` without the dead one, in ms. */
  readonly outMs: number;
  /** From the signal to the first `/rep` with N replicas again, in ms. */
  readonly healedMs: number;
  /** The same two by the front door's own log: the ring changes in the turn in which the line is written. */
  readonly outByLogMs: number;
  readonly healedByLogMs: number;
}

export interface RecoveryResult {
  readonly warm: number;
  readonly kills: readonly KillResult[];
  readonly requests: number;
  /** Requests that did not end in the answer of a replica with status 200. */
  readonly failed: number;
  /** Keys of surviving seats that had another seat after a kill. */
  readonly movedKeys: number;
}

const heads =
  "| warm spares | kills | out of the ring by the log, ms: median / max | out of `/rep` | healed by the log | N again in `/rep` | requests | failed | keys moved between survivors |\n|---|---|---|---|---|---|---|---|---|";

/** One row of the table. */
export function row({ warm, kills, requests, failed, movedKeys }: RecoveryResult): string {
  const out = medianAndMax(kills.map((kill) => kill.outMs));
  const healed = medianAndMax(kills.map((kill) => kill.healedMs));
  const outByLog = medianAndMax(kills.map((kill) => kill.outByLogMs));
  const healedByLog = medianAndMax(kills.map((kill) => kill.healedByLogMs));
  return `| ${warm} | ${kills.length} | ${outByLog} | ${out} | ${healedByLog} | ${healed} | ${requests} | ${failed} | ${movedKeys} |`;
}

function medianAndMax(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return `${median.toFixed(1)} / ${Math.max(...sorted).toFixed(1)}`;
}

/** Writes recovery.md and recovery.json. */
export function saveResults(results: readonly RecoveryResult[], command: string): void {
  const machine = machineText();
  const date = new Date().toISOString().slice(0, 10);
  const text = `# How fast the fleet heals

- Command: \`${command}\`
- Date: ${date}
- Machine: ${machine}

Three built-in replicas; \`kill -9\` of one at a time while clients with a connection each send GETs without a pause.
Times count from the signal. By the log: when the front door noted the death, and the successor on the seat, which is the
turn in which its ring changes. By \`/rep\`: seen from outside by polling, so that the poll's own wait behind the load is
part of it. Front door, replicas, load and poller share the machine's cores. *Failed*: any request that did not end in a complete 200.

${heads}
${results.map(row).join("\n")}
`;
  const at = (name: string) => fileURLToPath(new URL(`../results/${name}`, import.meta.url));
  writeFileSync(at("recovery.md"), text);
  writeFileSync(at("recovery.json"), `${JSON.stringify({ command, date, machine, results }, null, 2)}\n`);
}
