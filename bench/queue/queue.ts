// The queue benchmark, top to bottom: start the peers, drive them one after another in interleaved rounds, stop them,
// then measure what Roundhouse promises beyond the comparison. The loops are in throughput.ts, the tables in report.ts.
//
//   npm run bench -- queue [--quick] [--help]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isInstalled } from "../machine.ts";
import { requirePrograms } from "../proxy/machine.ts";
import { measureEndToEnd } from "./end-to-end.ts";
import { describeMachine } from "./machine.ts";
import { help, parseOptions, type QueueBenchOptions } from "./options.ts";
import { natsPeer } from "./peers/nats.ts";
import { folderFor, type QueuePeer, type RunningQueue, type Session } from "./peers/peer.ts";
import { rabbitmqPeer } from "./peers/rabbitmq.ts";
import { redisPeers } from "./peers/redis.ts";
import { type RunningRoundhouse, roundhousePeers, startRoundhouse } from "./peers/roundhouse.ts";
import { type Cell, printable, type QueueResults, saveResults } from "./report.ts";
import { measureDepth, measureNdjson, measureShards, measureSingle, type TargetOutcome } from "./targets.ts";
import { measureConsume, measureProduce, type Sample } from "./throughput.ts";

type Started = RunningQueue & { readonly name: string };
type Say = (text: string) => void;

/** Of {@link warmUp} before each size, besides the long one before all else. */
const RUN_IN_SECONDS = 0.5;

/** Keeps this process, its threads included, on the client's core: the servers have the other one. */
function pinSelf(core: number): void {
  const { status, stderr } = spawnSync("taskset", ["-a", "-c", "-p", String(core), String(process.pid)]);
  if (status !== 0) throw new Error(`Cannot pin the client to core ${core}: ${stderr}`);
}

/** Starts what is chosen and installed, runs `work`, and stops it whatever happens. */
async function withPeers(
  options: QueueBenchOptions,
  folder: string,
  results: QueueResults,
  work: (peers: readonly Started[]) => Promise<void>,
): Promise<void> {
  const started: Started[] = [];
  try {
    for (const peer of chosenPeers(options)) {
      if (peer.program !== null && !isInstalled(peer.program)) {
        results.leftOut.push(`${peer.name}: ${peer.program} is not installed`);
        continue;
      }
      const home = folderFor(folder, peer.name.replace(" ", "-"));
      const running = await peer.start(home, options.serverCore).catch((error: unknown) => {
        if (peer.program === null) throw error;
        results.leftOut.push(`${peer.name}: ${error instanceof Error ? error.message : error}`);
        return null;
      });
      if (running !== null) started.push({ name: peer.name, ...running });
    }
    await work(started);
  } finally {
    await Promise.all(started.map((peer) => peer.stop()));
  }
}

function chosenPeers(options: QueueBenchOptions): QueuePeer[] {
  const all = [natsPeer, ...redisPeers, rabbitmqPeer, ...roundhousePeers(options.roundhouse)];
  return all.filter(({ name }) => options.peers.includes(name));
}

/**
 * Uncounted work, the same for every server: files that grow for the first time, caches, and for those that compile as
 * they go (V8, Erlang's) the compiling, which would be a large share of a second's work, and none of an hour's.
 */
async function warmUp(peer: Started, bytes: number, batch: number, seconds: number): Promise<void> {
  // A topic of its own: what is read here would be missing in the rounds.
  const session = await peer.open(`warmup${Math.round(seconds * 1000)}-b${batch}-${bytes}`);
  await measureProduce(peer, session, batch, bytes, seconds);
  await measureConsume(peer, session, batch, bytes, seconds);
  await session.remove();
}

/** All peers at one size: produce in rounds, then read back in rounds; who begins changes from round to round. */
async function measureCells(
  options: QueueBenchOptions,
  peers: readonly Started[],
  bytes: number,
  batch: number,
): Promise<Cell[]> {
  const open: { peer: Started; session: Session; produce: Sample[]; consume: Sample[] }[] = [];
  for (const peer of peers) {
    await warmUp(peer, bytes, batch, RUN_IN_SECONDS);
    const session = await peer.open(`b${batch}-${bytes}`);
    open.push({ peer, session, produce: [], consume: [] });
  }
  for (const way of ["produce", "consume"] as const) {
    const measure = way === "produce" ? measureProduce : measureConsume;
    for (let round = 0; round < options.rounds; round++) {
      for (let turn = 0; turn < open.length; turn++) {
        const one = open[(turn + round) % open.length] as (typeof open)[number];
        one[way].push(await measure(one.peer, one.session, batch, bytes, options.seconds));
      }
    }
  }
  for (const { session } of open) await session.remove();
  return open.map(({ peer, produce, consume }) => ({ peer: peer.name, bytes, batch, produce, consume }));
}

async function measurePeers(
  options: QueueBenchOptions,
  folder: string,
  results: QueueResults,
  say: Say,
): Promise<void> {
  const has = (name: "throughput" | "end-to-end") => options.cases.includes(name);
  if (!has("throughput") && !has("end-to-end")) return;
  await withPeers(options, folder, results, async (peers) => {
    say("warming up …");
    for (const peer of peers) await warmUp(peer, 100, 100, options.warmupSeconds);
    for (const bytes of has("throughput") ? options.messageBytes : []) {
      for (const batch of options.batches) {
        say(`measuring ${bytes} bytes, batches of ${batch} …`);
        results.cells.push(...(await measureCells(options, peers, bytes, batch)));
      }
    }
    // Of ours, Producer and Consumer: a request for each few messages is not what an application streams by.
    for (const peer of has("end-to-end")
      ? peers.filter(({ name }) => !["roundhouse", "roundhouse ndjson"].includes(name))
      : []) {
      say(`measuring ${peer.name} end to end …`);
      results.endToEnd.push(await measureEndToEnd(peer.name, peer, folder, options.caseSeconds));
    }
  });
}

/** Each on a Roundhouse of its own, so that none finds what another has left. */
async function measureTargets(
  options: QueueBenchOptions,
  folder: string,
  results: QueueResults,
  say: Say,
): Promise<void> {
  const cases = { depth: measureDepth, single: measureSingle, ndjson: measureNdjson } as const;
  for (const [name, measure] of Object.entries(cases)) {
    if (!options.cases.some((one) => one === name)) continue;
    say(`measuring ${name} …`);
    results.targets.push(...(await onOwnRoundhouse(options, folderFor(folder, name), measure)));
  }
  if (options.cases.includes("shards")) {
    say("measuring shards …");
    results.targets.push(...(await measureShards(options, folder)));
  }
}

async function onOwnRoundhouse(
  options: QueueBenchOptions,
  folder: string,
  measure: (
    options: QueueBenchOptions,
    running: RunningRoundhouse,
    folder: string,
  ) => Promise<TargetOutcome[]>,
): Promise<TargetOutcome[]> {
  const running = await startRoundhouse(join(folder, "data"), options.serverCore, options.roundhouse);
  try {
    return await measure(options, running, folder);
  } finally {
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function run(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (!options) {
    console.log(help);
    return;
  }
  requirePrograms(["taskset", "wrk"]);
  pinSelf(options.clientCore);
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-bench-queue-"));
  const results: QueueResults = {
    command: ["npm run bench -- queue", ...args].join(" "),
    date: new Date().toISOString(),
    machine: describeMachine(folder),
    rounds: options.rounds,
    secondsPerRound: options.seconds,
    warmupSeconds: options.warmupSeconds,
    peers: chosenPeers(options).map(({ name, acknowledgement, synced }) => ({
      name,
      acknowledgement,
      synced,
    })),
    leftOut: [],
    cells: [],
    endToEnd: [],
    targets: [],
  };
  const startedMs = performance.now();
  const say = (text: string) =>
    console.error(`${((performance.now() - startedMs) / 1000).toFixed(0)} s: ${text}`);
  try {
    await measurePeers(options, folder, results, say);
    await measureTargets(options, folder, results, say);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(options.json ? JSON.stringify(results, null, 2) : printable(results));
  if (options.outFolder !== null) saveResults(options.outFolder, results);
}
