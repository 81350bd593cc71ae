// One round of one peer with wrk: every connection sends its next request when the last answer has come. Good for
// cost per request; says little about latency (steady-rate.ts is for that).
import { fileURLToPath } from "node:url";
import type { TrafficCase } from "./cases.ts";
import type { RunningPeer } from "./peers/peer.ts";
import { runPinned } from "./pinned-process.ts";
import { cpuTime, processTree } from "./process-meter.ts";

/** What one peer did and spent in one round. */
export interface Round {
  readonly requests: number;
  readonly requestsPerS: number;
  /** Processor time of the proxy's own processes, divided by the requests answered. */
  readonly cpuUsPerRequest: number;
  readonly userUsPerRequest: number;
  readonly systemUsPerRequest: number;
  /** Share of one core that the proxy used; below about 0.95 something else was the bottleneck. */
  readonly coreShare: number;
  /** Answers with an error status, time-outs and socket errors; a round with any of them counts in no median. */
  readonly failures: number;
}

interface WrkResult {
  readonly requests: number;
  readonly durationUs: number;
  readonly bytes: number;
  readonly connectErrors: number;
  readonly readErrors: number;
  readonly writeErrors: number;
  readonly statusErrors: number;
  readonly timeouts: number;
}

const script = fileURLToPath(new URL("./wrk.lua", import.meta.url));

async function runWrk(one: TrafficCase, port: number, seconds: number, core: number): Promise<WrkResult> {
  const output = await runPinned(
    [
      "wrk",
      "-t1",
      `-c${one.connections}`,
      `-d${seconds}s`,
      "--timeout",
      "10s",
      "-s",
      script,
      `http://127.0.0.1:${port}`,
    ],
    {
      core,
      environment: {
        BENCH_FOLDER: one.folder,
        BENCH_URIS: String(one.uriCount),
        BENCH_BODY_BYTES: String(one.bodyBytes),
        BENCH_NEW_CONNECTIONS: one.newConnections ? "1" : "0",
      },
    },
  );
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk gave no result: ${output}`);
  return JSON.parse(line) as WrkResult;
}

function failuresOf(result: WrkResult, one: TrafficCase): number {
  const { connectErrors, readErrors, writeErrors, statusErrors, timeouts } = result;
  // wrk takes any 2xx and 3xx for a success; too few bytes per answer show the rest.
  const tooShort = result.requests === 0 || result.bytes < result.requests * one.answerBytes ? 1 : 0;
  return connectErrors + readErrors + writeErrors + statusErrors + timeouts + tooShort;
}

/** Drives the peer for `seconds` and divides what it spent by what it answered. */
export async function measureRound(
  peer: RunningPeer,
  one: TrafficCase,
  seconds: number,
  loadCore: number,
): Promise<Round> {
  const pids = processTree(peer.pid);
  const before = cpuTime(pids);
  const result = await runWrk(one, peer.port, Math.max(1, Math.round(seconds)), loadCore);
  const after = cpuTime(pids);
  const userMs = after.userMs - before.userMs;
  const systemMs = after.systemMs - before.systemMs;
  const perRequest = (ms: number) => (ms * 1000) / result.requests;
  return {
    requests: result.requests,
    requestsPerS: result.requests / (result.durationUs / 1e6),
    cpuUsPerRequest: perRequest(userMs + systemMs),
    userUsPerRequest: perRequest(userMs),
    systemUsPerRequest: perRequest(systemMs),
    coreShare: (userMs + systemMs) / (result.durationUs / 1000),
    failures: failuresOf(result, one),
  };
}
