// What the data plane promises of its speed and size, held against what was measured. A promise that could not be measured,
// because its cases were not run, has no verdict.
import { median, type Results, soundRounds, type TrafficOutcome } from "./results.ts";

export interface Verdict {
  readonly target: string;
  /** At most this. */
  readonly limit: number;
  readonly measured: number;
  readonly unit: string;
  /** A goal may be missed. */
  readonly isGoal: boolean;
}

const mb = 1e6;
const kib = 1024;

/** In the order in which they are printed. */
export function verdicts(results: Results): Verdict[] {
  const all = [
    ...cpuVerdicts(results, "get-64"),
    ...cpuVerdicts(results, "get-256"),
    ...latencyVerdicts(results),
    upstreamsVerdict(results),
    residentVerdict(results),
    idleVerdict(results),
  ];
  return all.filter((verdict) => verdict !== null && Number.isFinite(verdict.measured)) as Verdict[];
}

export function isMet({ measured, limit }: Verdict): boolean {
  return Number(measured.toFixed(2)) <= limit;
}

function cpuUs(outcome: TrafficOutcome | undefined, peer: string): number {
  const found = outcome?.peers.find(({ name }) => name === peer);
  return found ? median(soundRounds(found).map((round) => round.cpuUsPerRequest)) : Number.NaN;
}

function outcomeOf(results: Results, name: string): TrafficOutcome | undefined {
  return results.traffic.find((outcome) => outcome.name === name);
}

/** To the cheaper of nginx and HAProxy. */
function cpuVerdicts(results: Results, name: string): Verdict[] {
  const outcome = outcomeOf(results, name);
  const cheaperUs = Math.min(cpuUs(outcome, "nginx"), cpuUs(outcome, "haproxy"));
  const ratio = (peer: string) => cpuUs(outcome, peer) / cheaperUs;
  const verdict = (what: string, peer: string, limit: number, isGoal: boolean): Verdict => ({
    target: `CPU per request to the cheaper peer's, ${name}, ${what}`,
    limit,
    measured: ratio(peer),
    unit: "",
    isGoal,
  });
  return [
    verdict("default mode", "roundhouse", 1, false),
    verdict("default mode", "roundhouse", 0.8, true),
    verdict("upstream batching", "batching", 0.67, true),
  ];
}

/** To the quicker of nginx and HAProxy at the same rate. */
function latencyVerdicts(results: Results): Verdict[] {
  return (results.steady?.rates ?? []).map(({ title, peers }) => {
    const p99Ms = (peer: string) =>
      median(peers.find(({ name }) => name === peer)?.rounds.map((round) => round.p99Ms) ?? []);
    return {
      target: `p99 to the quicker peer's, at ${title} rate`,
      limit: 1,
      measured: p99Ms("roundhouse") / Math.min(p99Ms("nginx"), p99Ms("haproxy")),
      unit: "",
      isGoal: false,
    };
  });
}

function upstreamsVerdict(results: Results): Verdict {
  return {
    target: "CPU per request with 300 upstreams to that with 3",
    limit: 1.15,
    measured:
      cpuUs(outcomeOf(results, "upstreams-300"), "roundhouse") /
      cpuUs(outcomeOf(results, "get-64"), "roundhouse"),
    unit: "",
    isGoal: false,
  };
}

function residentVerdict(results: Results): Verdict {
  const peers = outcomeOf(results, "get-1024")?.peers ?? [];
  const peakBytes = peers.find(({ name }) => name === "roundhouse")?.peakBytes ?? Number.NaN;
  return {
    target: "peak resident memory, get-1024",
    limit: 150,
    measured: peakBytes / mb,
    unit: "MB",
    isGoal: false,
  };
}

function idleVerdict(results: Results): Verdict {
  const found = results.idle?.peers.find(({ name }) => name === "roundhouse");
  return {
    target: "resident memory per idle connection",
    limit: 16,
    measured: (found?.bytesPerConnection ?? Number.NaN) / kib,
    unit: "KiB",
    isGoal: false,
  };
}
