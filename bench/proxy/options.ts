// The command line of the proxy benchmark: what may be chosen, and what is chosen when nothing is said.
import { parseArgs } from "node:util";
import { caseNames } from "./cases.ts";

export interface BenchOptions {
  readonly cases: readonly string[];
  /** Names of the peers to run; `null` means all. */
  readonly only: readonly string[] | null;
  /** Further builds of Roundhouse, by name: a command that takes the arguments of `roundhouse up`. */
  readonly variants: ReadonlyMap<string, string>;
  /** Command that stands for Roundhouse. */
  readonly roundhouse: string;
  /** Interleaved rounds of each case; the medians are over these. */
  readonly rounds: number;
  /** Length of one round of one peer. */
  readonly seconds: number;
  readonly proxyCore: number;
  readonly loadCore: number;
  readonly json: boolean;
  /** Folder for proxy.md and proxy.json, or `null` to print only. */
  readonly outFolder: string | null;
}

export const help = `Usage: npm run bench -- proxy [options]

Starts nginx, HAProxy, http-proxy and Roundhouse, one after another pinned to the same core, over the same origins;
origins and load generator share the other core. Prints a table per case and, after a full run, writes
bench/results/proxy.md and proxy.json.

  --cases A,B       of: ${caseNames.join(", ")}
  --only A,B        of the peers: nginx, haproxy, http-proxy, roundhouse, and the names of variants; also floor, which
                    forwards chunks and understands nothing: what any proxy on node:net costs at least
  --rounds N        interleaved rounds per case (5)
  --seconds S       length of one round of one peer (3)
  --quick           a smoke test of about a minute: three cases, 2 rounds of 1 s; writes nothing
  --json            print the results as JSON
  --out FOLDER      write proxy.md and proxy.json there, whatever was run
  --roundhouse CMD  what to start as Roundhouse (node dist/cli/main.js up)
  --variant N=CMD   measure another build or another set of flags beside it, under the name N; repeatable
  --proxy-core C    core of the proxies (0)
  --load-core C     core of origins and load generator (1)

Needs nginx, haproxy, wrk and taskset. For example:
  npm run bench -- proxy --cases get-64,get-256 --only nginx,haproxy,roundhouse --rounds 7 --seconds 2
  npm run bench -- proxy --variant batching='node dist/cli/main.js up --upstream-batching' --cases get-64`;

function listOf(text: string, accepted: readonly string[] | null, option: string): string[] {
  const names = text.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => accepted && !accepted.includes(name));
  if (unknown !== undefined || names.length === 0) {
    throw new RangeError(`--${option} has "${unknown ?? text}"; accepted: ${accepted?.join(", ")}.`);
  }
  return names;
}

function positive(text: string | undefined, fallback: number, option: string): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!(value > 0 && value <= 3600)) throw new RangeError(`--${option} is "${text}"; accepted: 1 to 3600.`);
  return value;
}

function core(text: string | undefined, fallback: number, option: string): number {
  const value = Number(text ?? fallback);
  if (!Number.isInteger(value) || value < 0)
    throw new RangeError(`--${option} is "${text}"; accepted: 0, 1, 2 …`);
  return value;
}

function variantsOf(texts: readonly string[]): Map<string, string> {
  return new Map(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new RangeError(`--variant is "${text}"; accepted: NAME=COMMAND.`);
      return [text.slice(0, at), text.slice(at + 1)] as const;
    }),
  );
}

/** Null when `--help` was asked for. */
export function parseOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      cases: { type: "string" },
      only: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      roundhouse: { type: "string", default: "node dist/cli/main.js up" },
      variant: { type: "string", multiple: true, default: [] },
      "proxy-core": { type: "string" },
      "load-core": { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const variants = variantsOf(values.variant);
  const peers = ["nginx", "haproxy", "http-proxy", "roundhouse", "floor", ...variants.keys()];
  const whole = !values.quick && values.cases === undefined && values.only === undefined;
  const quickCases = ["get-64", "kb10", "steady-rate"];
  return {
    cases: values.cases ? listOf(values.cases, caseNames, "cases") : values.quick ? quickCases : caseNames,
    only: values.only ? listOf(values.only, peers, "only") : null,
    variants,
    roundhouse: values.roundhouse,
    rounds: Math.ceil(positive(values.rounds, values.quick ? 2 : 5, "rounds")),
    seconds: positive(values.seconds, values.quick ? 1 : 3, "seconds"),
    proxyCore: core(values["proxy-core"], 0, "proxy-core"),
    loadCore: core(values["load-core"], 1, "load-core"),
    json: values.json,
    outFolder: values.out ?? (whole ? "bench/results" : null),
  };
}
