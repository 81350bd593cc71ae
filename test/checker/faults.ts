// `npm run test:faults -- [--faults 200] [--seed 1] [--brokers 3]`: see fault-run.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runFaults } from "./fault-run.ts";

const { values } = parseArgs({
  options: {
    faults: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    brokers: { type: "string", default: "3" },
    verbose: { type: "boolean", default: false },
  },
});
const folder = mkdtempSync(join(tmpdir(), "roundhouse-faults-"));
const startedMs = performance.now();
console.log(`seed ${values.seed}, ${values.faults} faults, ${values.brokers} brokers, in ${folder}`);
const report = await runFaults({
  seed: Number(values.seed),
  faults: Number(values.faults),
  brokers: Number(values.brokers),
  folder,
  ...(values.verbose ? { tell: (text: string) => console.log(text) } : {}),
});
for (const [kind, count] of report.faults) console.log(`${String(count).padStart(6)} ${kind}`);
console.log(
  `${report.operations} operations, ${report.acknowledged} acknowledged, ${report.unknown} without an answer, ` +
    `${report.messagesRead} messages read; longest time without an acknowledgement ${Math.round(report.silenceMs)} ms; ` +
    `${Math.round((performance.now() - startedMs) / 1000)} s in all`,
);
for (const { kind, shard, text } of report.findings.slice(0, 20))
  console.log(`FOUND ${kind} in ${shard}: ${text}`);
const sound = report.findings.length === 0 && report.exitCode === 0;
console.log(
  sound ? "The checker finds nothing." : `${report.findings.length} findings; see ${folder}/history.json`,
);
if (sound) rmSync(folder, { recursive: true, force: true });
process.exitCode = sound ? 0 : 1;
