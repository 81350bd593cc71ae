// What is counted while a load runs, and what comes out in the end. Latencies go into high dynamic range histograms
// (three figures), those of node:perf_hooks.
//
// A request's latency counts from when it was *due*, not from when a connection was free to send it: else a server that
// stalls would delay the very requests that should show the stall ("coordinated omission"). In the closed model a
// request is due when its user asks, so both are the same.
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { Failure } from "./client-connection.ts";

/** In milliseconds. */
export interface LatencySummary {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** A short part of the run, one second by default. */
export interface LoadSample {
  /** When it ended, from the run's beginning. */
  readonly atS: number;
  /** Users or requests/s that the plan wanted, in its middle. */
  readonly level: number;
  readonly answered: number;
  readonly failed: number;
  /** Milliseconds; null when nothing was answered. */
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface LoadCounts {
  answered: number;
  /** Requests that ended without an answer, by reason. */
  failed: Record<Failure, number>;
  /** Requests of the open model that were due and had no connection before the run ended. */
  unsent: number;
  /** Sent again because a kept connection turned out to be closed. */
  resent: number;
  bytes: number;
}

/** Requests that ended without an answer, for whatever reason. */
export function failedCount({ failed }: LoadCounts): number {
  return Object.values(failed).reduce((sum, count) => sum + count, 0);
}

const histogram = (): RecordableHistogram =>
  createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
/** Distinct replicas that are counted each for itself. */
const namesMax = 1000;

export class Recorder {
  readonly counts: LoadCounts = {
    answered: 0,
    failed: { connect: 0, reset: 0, timeout: 0, malformed: 0 },
    unsent: 0,
    resent: 0,
    bytes: 0,
  };
  readonly byCode = new Map<number, number>();
  readonly byReplica = new Map<string, number>();
  readonly problems = new Map<string, number>();
  readonly samples: LoadSample[] = [];
  private readonly latency = histogram();
  /** From sending to the answer's end. */
  private readonly service = histogram();
  /** From due to sent: the generator's own delay, and the wait for a free connection. */
  private readonly sending = histogram();
  private readonly sample = histogram();
  private sampleFailed = 0;
  private sampleAnswered = 0;

  answer(
    code: number,
    bytes: number,
    replica: string | null,
    dueMs: number,
    sentMs: number,
    nowMs: number,
  ): void {
    this.counts.answered++;
    this.sampleAnswered++;
    this.counts.bytes += bytes;
    this.byCode.set(code, (this.byCode.get(code) ?? 0) + 1);
    if (replica !== null) this.countReplica(replica);
    const latencyUs = microseconds(nowMs - dueMs);
    this.latency.record(latencyUs);
    this.sample.record(latencyUs);
    this.service.record(microseconds(nowMs - sentMs));
    this.sending.record(microseconds(sentMs - dueMs));
  }

  failure(failure: Failure, problem: string): void {
    this.counts.failed[failure]++;
    this.sampleFailed++;
    if (this.problems.size < 20 || this.problems.has(problem)) {
      this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1);
    }
  }

  endSample(atS: number, level: number): void {
    const none = this.sampleAnswered === 0;
    this.samples.push({
      atS,
      level,
      answered: this.sampleAnswered,
      failed: this.sampleFailed,
      p50: none ? null : this.sample.percentile(50) / 1000,
      p99: none ? null : this.sample.percentile(99) / 1000,
    });
    this.sample.reset();
    this.sampleAnswered = 0;
    this.sampleFailed = 0;
  }

  latencies(): {
    latencyMs: LatencySummary | null;
    serviceMs: LatencySummary | null;
    sendDelayMs: LatencySummary | null;
  } {
    return {
      latencyMs: summary(this.latency),
      serviceMs: summary(this.service),
      sendDelayMs: summary(this.sending),
    };
  }

  private countReplica(name: string): void {
    const known = this.byReplica.has(name) || this.byReplica.size < namesMax;
    const key = known ? name : "(others)";
    this.byReplica.set(key, (this.byReplica.get(key) ?? 0) + 1);
  }
}

/** The histogram's smallest value is 1. */
function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1000));
}

function summary(histogram_: RecordableHistogram): LatencySummary | null {
  if (histogram_.count === 0) return null;
  const at = (percentile: number) => histogram_.percentile(percentile) / 1000;
  return {
    min: histogram_.min / 1000,
    mean: histogram_.mean / 1000,
    p50: at(50),
    p75: at(75),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    max: histogram_.max / 1000,
  };
}
