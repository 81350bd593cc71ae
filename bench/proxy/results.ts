// What a run yields: every round of every peer as it was measured, and how rounds are summed up.
import type { Round } from "./closed-loop.ts";
import type { IdleMemory } from "./idle-memory.ts";
import type { Machine } from "./machine.ts";
import type { SteadyResult } from "./steady-client.ts";

export interface TrafficOutcome {
  readonly name: string;
  readonly title: string;
  readonly peers: readonly {
    readonly name: string;
    readonly rounds: readonly Round[];
    readonly peakBytes: number;
  }[];
}

export interface SteadyOutcome {
  readonly rates: readonly {
    readonly title: string;
    readonly ratePerS: number;
    readonly peers: readonly { readonly name: string; readonly rounds: SteadyResult[] }[];
  }[];
}

export interface IdleOutcome {
  readonly peers: readonly ({ readonly name: string } & IdleMemory)[];
}

export interface Results {
  readonly command: string;
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly traffic: TrafficOutcome[];
  steady?: SteadyOutcome;
  idle?: IdleOutcome;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The rounds without a single failure: only these are compared. */
export function soundRounds(peer: { readonly rounds: readonly Round[] }): Round[] {
  return peer.rounds.filter((round) => round.failures === 0);
}
