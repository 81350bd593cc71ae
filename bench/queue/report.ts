// From samples to tables and verdicts. The samples themselves stay in the results, so that anyone can reckon anew.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "../proxy/report.ts";
import { median } from "../proxy/results.ts";
import type { EndToEnd } from "./end-to-end.ts";
import type { QueueMachine } from "./machine.ts";
import type { TargetOutcome } from "./targets.ts";
import type { Sample } from "./throughput.ts";

/** One peer at one size of message and batch. */
export interface Cell {
  readonly peer: string;
  readonly bytes: number;
  readonly batch: number;
  readonly produce: readonly Sample[];
  readonly consume: readonly Sample[];
}

export interface PeerNote {
  readonly name: string;
  readonly acknowledgement: string;
  readonly synced: boolean;
}

export interface QueueResults {
  readonly command: string;
  readonly date: string;
  readonly machine: QueueMachine;
  readonly rounds: number;
  readonly secondsPerRound: number;
  /** Uncounted work of each peer before all else, each way. */
  readonly warmupSeconds: number;
  readonly peers: readonly PeerNote[];
  /** Peers that are not installed, or did not start, and why. */
  readonly leftOut: string[];
  readonly cells: Cell[];
  readonly endToEnd: EndToEnd[];
  readonly targets: TargetOutcome[];
}

const whole = (value: number): string =>
  Number.isFinite(value) ? Math.round(value).toLocaleString("en") : "–";

/** Rounds that moved something: the last ones of a consumer may have found nothing left. */
const figure = (samples: readonly Sample[], of: (sample: Sample) => number): number =>
  median(samples.filter(({ messages }) => messages > 0).map(of));

const perSecond = ({ messages, seconds }: Sample): number => messages / seconds;

const total = (samples: readonly Sample[], of: "messages" | "serverCpuMs" | "clientCpuMs"): number =>
  samples.reduce((sum, sample) => sum + sample[of], 0);

/** Over all rounds together, since the kernel counts in ticks of 10 ms; NaN where it counted none. */
function perServerCpuSecond(samples: readonly Sample[]): number {
  const cpuMs = total(samples, "serverCpuMs");
  return cpuMs > 0 ? (total(samples, "messages") / cpuMs) * 1000 : Number.NaN;
}

function columnsOf(samples: readonly Sample[]): string[] {
  const share = figure(samples, ({ serverCpuMs, seconds }) => serverCpuMs / seconds / 10);
  return [
    whole(figure(samples, perSecond)),
    whole(perServerCpuSecond(samples)),
    whole(share),
    ((total(samples, "clientCpuMs") * 1000) / total(samples, "messages")).toFixed(2),
  ];
}

function cellTables({ cells }: QueueResults): string[] {
  const kinds = new Map(cells.map(({ bytes, batch }) => [`${bytes}/${batch}`, { bytes, batch }]));
  const of = (way: string) => [`${way}/s`, "per server CPU s", "core %", "client µs"];
  return [...kinds.values()].map(({ bytes, batch }) => {
    const rows = cells
      .filter((cell) => cell.bytes === bytes && cell.batch === batch)
      .map((cell) => [cell.peer, ...columnsOf(cell.produce), ...columnsOf(cell.consume)]);
    const head = ["", ...of("produced"), ...of("consumed")];
    return `### ${bytes} bytes, batches of ${batch}\n\n${table(head, rows)}`;
  });
}

const isOurs = (peer: string): boolean => peer.startsWith("roundhouse");

/** Roundhouse against the best peer, synced or not, per CPU-second of the server. */
export function comparisons({ cells, peers }: QueueResults): TargetOutcome[] {
  const best = (among: readonly Cell[], way: "produce" | "consume") =>
    among
      .map((cell) => ({ peer: cell.peer, value: perServerCpuSecond(cell[way]) }))
      .filter(({ value }) => Number.isFinite(value))
      .toSorted((a, b) => b.value - a.value)[0];
  return cells
    .filter(({ peer }) => peer === "roundhouse" || peer === "roundhouse client")
    .flatMap(({ peer: ours, bytes, batch }) =>
      (["produce", "consume"] as const).flatMap((way) => {
        const same = cells.filter((cell) => cell.bytes === bytes && cell.batch === batch);
        const own = best(
          same.filter(({ peer }) => peer === ours),
          way,
        );
        const rival = best(
          same.filter(({ peer }) => !isOurs(peer)),
          way,
        );
        if (own === undefined || rival === undefined) return [];
        const wanted = batch === 1 ? 1 : 2;
        const ratio = own.value / rival.value;
        const how = peers.find(({ name }) => name === rival.peer)?.synced ? "synced" : "not synced";
        return [
          {
            target: `${ours}: ${way}, ${bytes} bytes, batches of ${batch}: ≥ ${wanted} × the best peer per server CPU-second`,
            measured: `${ratio.toFixed(2)} × ${rival.peer} (${how}): ${whole(own.value)} to ${whole(rival.value)}`,
            isMet: ratio >= wanted,
          },
        ];
      }),
    );
}

/** The target for Roundhouse's own end-to-end latency. */
export function endToEndTarget({ endToEnd }: QueueResults): TargetOutcome[] {
  return endToEnd
    .filter(({ name }) => name === "roundhouse client")
    .map(({ p50Ms, p99Ms, sent, received, syncMs }) => ({
      target: "end to end at 10,000 messages/s: p99 ≤ 5 ms",
      measured:
        `p99 ${p99Ms.toFixed(2)} ms, median ${p50Ms.toFixed(2)} ms, ${whole(received)} of ${whole(sent)} received ` +
        `(one synced write of 4 KB at the same time: p99 ${syncMs.p99.toFixed(2)} ms, median ${syncMs.median.toFixed(2)} ms)`,
      isMet: p99Ms <= 5 && received === sent,
    }));
}

function endToEndTable({ endToEnd }: QueueResults): string {
  const rows = endToEnd.map(({ name, p50Ms, p99Ms, coreShare, sent, received, syncMs }) => [
    name,
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    syncMs.median.toFixed(2),
    syncMs.p99.toFixed(2),
    whole(coreShare * 100),
    whole(received),
    whole(sent),
  ]);
  const head = ["", "p50 ms", "p99 ms", "disk p50 ms", "disk p99 ms", "core %", "received", "sent"];
  const how = "*Disk* is one write of 4 KB and its fdatasync, probed in the same seconds.";
  return `### End to end at 10,000 messages/s of 100 bytes\n\n${how}\n\n${table(head, rows)}`;
}

function targetTable(results: QueueResults): string {
  const all = [...comparisons(results), ...endToEndTarget(results), ...results.targets];
  const rows = all.map(({ target, measured, isMet }) => [target, isMet ? "met" : "**missed**", measured]);
  return `### Roundhouse's targets\n\n${table(["target", "", "measured"], rows)}`;
}

/** The tables, as Markdown that also reads well on a terminal. */
export function printable(results: QueueResults): string {
  const notes = results.peers.map(({ name, acknowledgement, synced }) => [
    name,
    synced ? "yes" : "no",
    acknowledgement,
  ]);
  const { median: middle, p99 } = results.machine.syncMs;
  const parts = [
    `A write of 4 KB and its fdatasync on this disk (${results.machine.fileSystem}): median ${middle.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms.`,
    table(["", "synced", "what an acknowledgement means"], notes),
    ...results.leftOut.map((text) => `Left out: ${text}`),
    targetTable(results),
    ...cellTables(results),
  ];
  if (results.endToEnd.length > 0) parts.push(endToEndTable(results));
  return parts.join("\n\n");
}

function heading({ command, date, machine, rounds, secondsPerRound, warmupSeconds }: QueueResults): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return `# The queue beside its peers

- Command: \`${command}\`
- Date: ${date.slice(0, 10)}
- Machine: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGib} GiB, Linux ${machine.kernel}
- Versions: ${versions.join(", ")}
- ${rounds} interleaved rounds of ${secondsPerRound} s for each peer; messages/s and core are medians over these, figures per message sums.
- Before it every server, in the same way: ${warmupSeconds} s of producing and ${warmupSeconds} s of consuming, and half a second of each before each size, uncounted.

How to read it: every server has one core, the client the other. A batch of 100 is 100 messages that can be addressed
singly: 100 publishes (nats-server, rabbitmq-server) or XADDs (redis) sent together, one request with 100 messages (Roundhouse:
\`roundhouse\` sends record batches, \`roundhouse ndjson\` lines of JSON). \`roundhouse client\` is Producer and Consumer, to
which messages are given one by one and which make the batches themselves, also at batches of 1. 256 batches of 1 are under way
at once, 16 of 100, 4 of 1,000. Consumers read what was produced and make their place durable per batch. *Per server CPU s*
divides by the processor time of the server's own processes. Messages/s compare servers only where *core %* is near 100;
elsewhere the client or the disk was the bottleneck. *Client µs* is the client's processor time per message.
`;
}

export function saveResults(folder: string, results: QueueResults): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "queue.md"), `${heading(results)}\n${printable(results)}\n`);
  writeFileSync(join(folder, "queue.json"), `${JSON.stringify(results, null, 2)}\n`);
}
