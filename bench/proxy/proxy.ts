// The proxy benchmark, top to bottom: for each case start the origins and the peers, check their answers, warm them
// up, measure them in interleaved rounds, stop them. What is measured is in cases.ts, the table in report.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkAnswers } from "./answer-check.ts";
import { otherCases, type TrafficCase, trafficCase } from "./cases.ts";
import { measureRound, type Round } from "./closed-loop.ts";
import { measureIdleMemory } from "./idle-memory.ts";
import { describeMachine, requirePrograms } from "./machine.ts";
import { type BenchOptions, help, parseOptions } from "./options.ts";
import { startOrigins } from "./origins.ts";
import { floorPeer } from "./peers/floor.ts";
import { haproxyPeer } from "./peers/haproxy.ts";
import { httpProxyPeer } from "./peers/http-proxy.ts";
import { nginxPeer } from "./peers/nginx.ts";
import { type PeerPlan, type RunningPeer, startPeer } from "./peers/peer.ts";
import { roundhousePeer } from "./peers/roundhouse.ts";
import { forgetPeak, peakResidentBytes, processTree } from "./process-meter.ts";
import { printable } from "./report.ts";
import {
  type IdleOutcome,
  median,
  type Results,
  type SteadyOutcome,
  type TrafficOutcome,
} from "./results.ts";
import { saveResults } from "./results-file.ts";
import { measureSteadyRate, steadyRates } from "./steady-rate.ts";

/** Connections opened for the idle-memory case. */
const idleConnections = 4000;

const warmUpRoundS = 2;
const warmUpCpuS = 1;

/** Cases that say what batching gains, and how near to the floor we are. */
const closeLookCases = ["get-64", "get-256"];

function chosenPeers(options: BenchOptions, one: TrafficCase): PeerPlan[] {
  const all = [
    nginxPeer,
    haproxyPeer,
    httpProxyPeer,
    roundhousePeer("roundhouse", options.roundhouse),
    ...[...options.variants].map(([name, command]) => roundhousePeer(name, command)),
  ];
  const chosen = all.filter((peer) => options.only === null || options.only.includes(peer.name));
  if (options.only?.includes("floor")) chosen.push(floorPeer);
  if (options.only !== null || !closeLookCases.includes(one.name)) return chosen;
  const batching = roundhousePeer("batching", `${options.roundhouse} --upstream-batching`);
  return [...chosen, ...(options.variants.has("batching") ? [] : [batching]), floorPeer];
}

/** Runs `work` with origins and peers up, and stops them whatever happens. */
async function withPeers<T>(
  options: BenchOptions,
  one: TrafficCase,
  work: (peers: readonly RunningPeer[]) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "roundhouse-bench-"));
  const stops: (() => Promise<void>)[] = [];
  try {
    const origins = await startOrigins(one, folder, options.loadCore);
    stops.push(origins.stop);
    const peers: RunningPeer[] = [];
    for (const plan of chosenPeers(options, one)) {
      const peer = await startPeer(plan, folder, origins.ports, options.proxyCore);
      stops.push(peer.stop);
      peers.push(peer);
      await checkAnswers(peer, one);
    }
    return await work(peers);
  } finally {
    await Promise.all(stops.map((stop) => stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every peer once per round; who begins changes from round to round. */
async function interleaved(
  peers: readonly RunningPeer[],
  rounds: number,
  measure: (peer: RunningPeer) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < peers.length; turn++)
      await measure(peers[(turn + round) % peers.length] as RunningPeer);
  }
}

/**
 * Rounds that are not counted: one, or up to three where the machine is so busy that the peer gets little of its core.
 * What is compiled while it runs (V8) would otherwise be charged for its compilation.
 */
async function warmUp(peer: RunningPeer, one: TrafficCase, loadCore: number): Promise<void> {
  let usedS = 0;
  for (let round = 0; round < 3 && usedS < warmUpCpuS; round++)
    usedS += warmUpRoundS * (await measureRound(peer, one, warmUpRoundS, loadCore)).coreShare;
}

async function measureTraffic(options: BenchOptions, one: TrafficCase): Promise<TrafficOutcome> {
  return withPeers(options, one, async (peers) => {
    const roundsOf = new Map<string, Round[]>(peers.map((peer) => [peer.name, []]));
    for (const peer of peers) {
      await warmUp(peer, one, options.loadCore);
      forgetPeak(processTree(peer.pid));
    }
    await interleaved(peers, options.rounds, async (peer) => {
      const round = await measureRound(peer, one, options.seconds, options.loadCore);
      roundsOf.get(peer.name)?.push(round);
    });
    const outcomes = peers.map((peer) => ({
      name: peer.name,
      rounds: roundsOf.get(peer.name) ?? [],
      peakBytes: peakResidentBytes(processTree(peer.pid)),
    }));
    return { name: one.name, title: one.title, peers: outcomes };
  });
}

async function measureSteady(
  options: BenchOptions,
  known: TrafficOutcome | undefined,
): Promise<SteadyOutcome> {
  const one = { ...trafficCase("get-64"), name: "steady-rate" };
  const closedLoop = known ?? (await measureTraffic({ ...options, rounds: 1 }, one));
  const rates = steadyRates(
    new Map(
      closedLoop.peers.map((peer) => [peer.name, median(peer.rounds.map((round) => round.requestsPerS))]),
    ),
  );
  return withPeers(options, one, async (peers) => {
    for (const peer of peers) await warmUp(peer, one, options.loadCore);
    const outcomes = rates.map((rate) => ({
      ...rate,
      peers: peers.map((peer) => ({ name: peer.name, rounds: [] })),
    }));
    const measured: SteadyOutcome["rates"] = outcomes;
    for (const rate of measured) {
      await interleaved(peers, options.rounds, async (peer) => {
        const result = await measureSteadyRate(peer, one, rate.ratePerS, options.seconds, options.loadCore);
        rate.peers.find((outcome) => outcome.name === peer.name)?.rounds.push(result);
      });
    }
    return { rates: measured };
  });
}

async function measureIdle(options: BenchOptions): Promise<IdleOutcome> {
  const one = { ...trafficCase("get-64"), name: "idle-memory" };
  return withPeers(options, one, async (peers) => {
    const outcomes: IdleOutcome["peers"][number][] = [];
    for (const peer of peers) {
      await warmUp(peer, one, options.loadCore);
      outcomes.push({ name: peer.name, ...(await measureIdleMemory(peer, idleConnections)) });
    }
    return { peers: outcomes };
  });
}

async function measureAll(
  options: BenchOptions,
  results: Results,
  say: (text: string) => void,
): Promise<void> {
  for (const name of options.cases) {
    say(`measuring ${name} …`);
    if (name in otherCases) {
      if (name === "idle-memory") results.idle = await measureIdle(options);
      else
        results.steady = await measureSteady(
          options,
          results.traffic.find((one) => one.name === "get-64"),
        );
    } else {
      results.traffic.push(await measureTraffic(options, trafficCase(name)));
    }
  }
}

export async function run(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (!options) {
    console.log(help);
    return;
  }
  requirePrograms(["taskset", "wrk", "nginx", "haproxy"]);
  const results: Results = {
    command: ["npm run bench -- proxy", ...args].join(" "),
    date: new Date().toISOString(),
    machine: describeMachine(),
    rounds: options.rounds,
    secondsPerRound: options.seconds,
    traffic: [],
  };
  await measureAll(options, results, (text) => console.error(text));
  console.log(options.json ? JSON.stringify(results, null, 2) : printable(results));
  if (options.outFolder !== null) saveResults(options.outFolder, results);
}
