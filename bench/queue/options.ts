// The command line of the queue benchmark: what may be chosen, and what is chosen when nothing is said.
import { parseArgs } from "node:util";

export const peerNames = [
  "nats-server",
  "redis always",
  "redis everysec",
  "rabbitmq-server",
  "roundhouse",
  "roundhouse client",
  "roundhouse ndjson",
] as const;
export const caseNames = ["throughput", "end-to-end", "depth", "single", "ndjson", "shards"] as const;
export type CaseName = (typeof caseNames)[number];

export interface QueueBenchOptions {
  readonly cases: readonly CaseName[];
  readonly peers: readonly string[];
  readonly messageBytes: readonly number[];
  readonly batches: readonly number[];
  /** Interleaved rounds of the throughput case; figures are medians over these. */
  readonly rounds: number;
  /** Length of one round of one peer, producing and again consuming. */
  readonly seconds: number;
  /** Uncounted work of each peer before all else, producing and again consuming. */
  readonly warmupSeconds: number;
  /** Length of the other cases' measurements. */
  readonly caseSeconds: number;
  /** Messages in the one shard of the case `depth`. */
  readonly depth: number;
  readonly shards: number;
  readonly roundhouse: string;
  readonly serverCore: number;
  readonly clientCore: number;
  readonly json: boolean;
  /** Folder for queue.md and queue.json, or `null` to print only. */
  readonly outFolder: string | null;
}

export const help = `Usage: npm run bench -- queue [options]

Starts nats-server (JetStream in files), redis-server (streams; synced always, and every second), rabbitmq-server (durable
queue, confirms) and Roundhouse, each pinned to the same core, and drives one after another from the other core. What
is not installed is left out, and the results say so. After a full run it writes bench/results/queue.md and queue.json.

  --cases A,B        of: ${caseNames.join(", ")}
  --peers A,B        of: ${peerNames.join(", ")}
  --bytes A,B        sizes of a message (100,1024)
  --batches A,B      messages in a batch (1,100,1000)
  --rounds N         interleaved rounds of the case throughput (3)
  --seconds S        length of one round of one peer (1.5)
  --warmup S         uncounted producing of each peer before all else, and as much consuming (3)
  --case-seconds S   length of the measurements of the other cases (5)
  --depth N          messages in the one shard of the case depth (10000000)
  --shards N         shards of the case shards (1000)
  --quick            a smoke test of about a minute; writes nothing
  --json             print the results as JSON
  --out FOLDER       write queue.md and queue.json there, whatever was run
  --roundhouse CMD   what to start as Roundhouse (node dist/cli/main.js broker)
  --server-core C    core of the servers (0)
  --client-core C    core of the clients (1)

Needs taskset and wrk. The files are in the folder for temporary files: TMPDIR chooses the disk.`;

function namesOf<T extends string>(text: string | undefined, accepted: readonly T[], option: string): T[] {
  if (text === undefined) return [...accepted];
  return text.split(",").map((name) => {
    const found = accepted.find((one) => one === name);
    if (found !== undefined) return found;
    throw new RangeError(`--${option} has "${name}"; accepted: ${accepted.join(", ")}.`);
  });
}

function numberOf(text: string, option: string, least: number): number {
  const value = Number(text);
  if (text !== "" && value >= least) return value;
  throw new RangeError(`--${option} is "${text}"; accepted: numbers from ${least}.`);
}

const wholeOf = (text: string, option: string, least: number): number =>
  Math.floor(numberOf(text, option, least));

/** Null when `--help` was asked for. */
export function parseOptions(args: readonly string[]): QueueBenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      cases: { type: "string" },
      peers: { type: "string" },
      bytes: { type: "string", default: "100,1024" },
      batches: { type: "string", default: "1,100,1000" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      warmup: { type: "string" },
      "case-seconds": { type: "string" },
      depth: { type: "string" },
      shards: { type: "string", default: "1000" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      roundhouse: { type: "string", default: "node dist/cli/main.js broker" },
      "server-core": { type: "string", default: "0" },
      "client-core": { type: "string", default: "1" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const { quick } = values;
  const whole = !quick && values.cases === undefined && values.peers === undefined;
  const list = (text: string, option: string) => text.split(",").map((one) => wholeOf(one, option, 1));
  return {
    cases: namesOf(values.cases, caseNames, "cases"),
    peers: namesOf(values.peers, peerNames, "peers"),
    messageBytes: list(values.bytes, "bytes"),
    batches: list(values.batches, "batches"),
    rounds: wholeOf(values.rounds ?? (quick ? "1" : "3"), "rounds", 1),
    seconds: numberOf(values.seconds ?? (quick ? "0.3" : "1.5"), "seconds", 0.1),
    warmupSeconds: numberOf(values.warmup ?? (quick ? "0.3" : "3"), "warmup", 0.1),
    caseSeconds: numberOf(values["case-seconds"] ?? (quick ? "1" : "5"), "case-seconds", 1),
    depth: wholeOf(values.depth ?? (quick ? "100000" : "10000000"), "depth", 1000),
    shards: wholeOf(values.shards, "shards", 1),
    roundhouse: values.roundhouse,
    serverCore: wholeOf(values["server-core"], "server-core", 0),
    clientCore: wholeOf(values["client-core"], "client-core", 0),
    json: values.json,
    outFolder: values.out ?? (whole ? "bench/results" : null),
  };
}
