// `npm run bench -- pick`: what it costs to choose a replica for one request, for every policy and for what an operator
// may switch on; and how evenly they choose (balance.ts). Each line runs in a process of its own (`--only LINE`), since code that has seen several policies is
// not compiled as well as code that has seen one, and a front door has one.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { createHotKeys } from "../../src/balancer/hot-keys.ts";
import { policyNamed } from "../../src/balancer/policies/named.ts";
import { createRouting } from "../../src/balancer/route.ts";
import type { RoutingSnapshot } from "../../src/balancer/routing-table.ts";
import type { RoutedRequest } from "../../src/proxy/routing.ts";
import { createUpstream, type Upstream } from "../../src/proxy/upstream.ts";
import { createRing } from "../../src/ring/ring.ts";
import { balanceReport } from "./balance.ts";

interface Setting {
  readonly policy: "hash" | "round-robin" | "least-request" | "p2c";
  readonly replicas: number;
  readonly loadFactor?: number;
  /** So many keys are spread over three, and nothing else is asked for. */
  readonly spreads?: number;
  readonly hotKeys?: boolean;
  /** Sampling as it is at 1,000 requests per second: every request is looked at. */
  readonly everyKey?: boolean;
}

const settings: Readonly<Record<string, Setting>> = {
  "hash, no hot keys": { policy: "hash", replicas: 10 },
  "hash (default)": { policy: "hash", replicas: 10, hotKeys: true },
  "hash, every key sampled": { policy: "hash", replicas: 10, hotKeys: true, everyKey: true },
  "hash, bounded load 1.25, N = 10": { policy: "hash", replicas: 10, hotKeys: true, loadFactor: 1.25 },
  "hash, bounded load 1.25, N = 100": { policy: "hash", replicas: 100, hotKeys: true, loadFactor: 1.25 },
  "hash, spread key": { policy: "hash", replicas: 10, hotKeys: true, spreads: 64 },
  "round-robin, N = 10": { policy: "round-robin", replicas: 10 },
  "round-robin, N = 100": { policy: "round-robin", replicas: 100 },
  "least-request, N = 10": { policy: "least-request", replicas: 10 },
  "least-request, N = 100": { policy: "least-request", replicas: 100 },
  "p2c, N = 10": { policy: "p2c", replicas: 10 },
  "p2c, N = 100": { policy: "p2c", replicas: 100 },
};

const rounds = 31;
const picksPerRound = 200_000;
const targets = Array.from({ length: 4096 }, (_, n) => `/items/${n}/some/path`);

/** Prints the table and keeps it in bench/results. */
export async function run(args: string[]): Promise<void> {
  const [flag, only] = args;
  if (flag === "--only" && only !== undefined) return void console.log(JSON.stringify(nsPerPick(only)));
  const lines = Object.keys(settings).map((name) => {
    const { best, median } = measured(name);
    return `| ${name} | ${best.toFixed(0)} | ${median.toFixed(0)} |`;
  });
  const text = [
    "# Choosing a replica",
    "",
    `Command: \`npm run bench -- pick\`. Machine: ${cpus()[0]?.model.trim()}, ${cpus().length} cores; ` +
      `Node ${process.version}; ${new Date().toISOString().slice(0, 10)}.`,
    "",
    `CPU time of one \`pick\`, key included (\`--key path\`, 4,096 paths of about 20 characters), in ns: the best and the`,
    `median of ${rounds} rounds of ${picksPerRound.toLocaleString("en")}.`,
    "",
    "| | best | median |",
    "|---|---:|---:|",
    ...lines,
    "",
    balanceReport(),
  ].join("\n");
  console.log(text);
  const folder = fileURLToPath(new URL("../results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}pick.md`, text);
}

interface Figures {
  readonly best: number;
  readonly median: number;
}

function measured(name: string): Figures {
  console.error(`measuring ${name} …`);
  const runner = fileURLToPath(new URL("../run.ts", import.meta.url));
  const args = ["--import", "tsx", runner, "pick", "--only", name];
  const child = spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (child.status !== 0) throw new Error(`Measuring ${name} ended with ${child.status ?? child.signal}`);
  return JSON.parse(child.stdout) as Figures;
}

function nsPerPick(name: string): Figures {
  const setting = settings[name];
  if (setting === undefined) throw new RangeError(`No line is named "${name}"`);
  const { pick } = routingFor(setting);
  const requests = targets.map((_, n) => requestFor(targets[n % (setting.spreads ?? 4096)] as string));
  const none: Upstream[] = [];
  const figures: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let n = 0; n < picksPerRound; n++) {
      if (pick(requests[n & 4095] as RoutedRequest, none) === null) throw new Error("Nobody was picked");
    }
    const { user, system } = process.cpuUsage(before);
    figures.push(((user + system) * 1000) / picksPerRound);
  }
  figures.sort((a, b) => a - b);
  return { best: figures[0] as number, median: figures[rounds >> 1] as number };
}

function routingFor({ policy, replicas, loadFactor, spreads = 0, hotKeys, everyKey }: Setting) {
  const contenders = Array.from({ length: replicas }, (_, index) => {
    const upstream = createUpstream({ name: `S${index + 1}`, address: { host: "127.0.0.1", port: 1 } });
    upstream.inFlight = (index * 7) % 5;
    return { upstream, seat: index + 1, weight: 1 };
  });
  const upstreamsBySeat: (Upstream | undefined)[] = [];
  for (const { upstream, seat } of contenders) upstreamsBySeat[seat] = upstream;
  const members = contenders.map(({ seat }) => ({ seat }));
  const roster = { ring: createRing({ members }), contenders, upstreamsBySeat };
  const steering = {
    loadFactor: loadFactor ?? null,
    spreads: targets.slice(0, spreads).map((key) => ({ key, over: 3 })),
  };
  const noteKey = hotKeys ? createHotKeys(everyKey ? { clockMs: slowClock() } : {}).note : null;
  const counters = { bounded: 0, overflowed: 0, spread: 0 };
  const keyOf = ({ target }: RoutedRequest) => target;
  const make = policyNamed(policy, { keyOf, noteKey, counters });
  const snapshot: RoutingSnapshot = { ...roster, replicas: [], steering, pick: make(roster, steering) };
  return createRouting({
    snapshot: () => snapshot,
    control: createUpstream({ name: "control", address: { path: "/none" }, kind: "control" }),
    rooms: { restLimits: null, roomFor: () => null },
    desiredCount: () => replicas,
    onHashError: (error) => {
      throw error;
    },
  });
}

/** A second per thousand requests. */
function slowClock(): () => number {
  let nowMs = 0;
  return () => {
    nowMs += 1;
    // Reading the real clock is a part of what a sample costs.
    return performance.now() < 0 ? 0 : nowMs;
  };
}

function requestFor(target: string): RoutedRequest {
  return {
    method: "GET",
    target,
    header: () => undefined,
    peerAddress: "127.0.0.1",
    peerTrusted: false,
    setCookie: undefined,
    routingKey: undefined,
  };
}
