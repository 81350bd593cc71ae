// Writes what a run found to proxy.md (for people) and proxy.json (with every round, for reckoning anew).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { printable } from "./report.ts";
import type { Results } from "./results.ts";

function heading({ command, date, machine, rounds, secondsPerRound }: Results): string {
  return `# The data plane beside its peers

- Command: \`${command}\`
- Date: ${date.slice(0, 10)}
- Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGib} GiB, Linux ${machine.kernel}
- Versions: Node ${machine.node}, nginx ${machine.nginx}, HAProxy ${machine.haproxy}, http-proxy ${machine.httpProxy}, wrk ${machine.wrk}
- ${rounds} interleaved rounds of ${secondsPerRound} s for each peer; figures are medians over the rounds, with the spread of the main one.

How to read it: every proxy has one core (one worker, one thread, one process); origins and load generator share the
other. *CPU µs/request* is the processor time of the proxy's own processes, user and system, divided by the requests
answered; *ratio* divides it by the cheaper of nginx and HAProxy. Requests/s compare proxies only where *core used* is
near 100 %; elsewhere the other core was the bottleneck. Peak RSS is the sum over the proxy's processes.
`;
}

export function saveResults(folder: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "proxy.md"), `${heading(results)}\n${printable(results)}\n`);
  writeFileSync(join(folder, "proxy.json"), `${JSON.stringify(results, null, 2)}\n`);
}
