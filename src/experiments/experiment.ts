// What an experiment is: a question, a way to measure, and what comes out of it: raw data, tables, charts, and
// observations that are computed from the data. Writing it down is report.ts's affair.
import type { FleetStarter } from "./running-fleet.ts";
import type { QueueStarter } from "./running-queue.ts";

export type Cell = string | number | null;

/** Written as CSV, and shown in the report when it is short. */
export interface Table {
  /** A file name without its ending. */
  readonly name: string;
  readonly title: string;
  /** With units. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Chart {
  /** A file name without its ending. */
  readonly name: string;
  readonly svg: string;
}

export interface Findings {
  /** How it was measured, in Markdown. */
  readonly method: string;
  /** All that the rest was computed from; written as JSON. */
  readonly data: unknown;
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
  /** Sentences made from the data, in Markdown. */
  readonly observations: readonly string[];
}

export interface Settings {
  /** Requests of each run; default 10,000. */
  readonly requestCount: number;
  readonly seed: number;
  /** Starts fleets of the product itself. */
  readonly startFleet: FleetStarter;
  /** Starts brokers of the product itself, on a new data directory. */
  readonly startQueue: QueueStarter;
  /** Aborts what is under way. */
  readonly signal: AbortSignal;
}

/** Told when a step is begun: how many are done, of how many, and what it is. */
export type Progress = (done: number, steps: number, step: string) => void;

export interface Experiment {
  /** As it is called on the command line: `a1`. */
  readonly id: string;
  readonly title: string;
  /** What it is to find out. */
  readonly question: string;
  /** Why no container is ever run for it; absent where replicas can be containers. */
  readonly withoutContainers?: string;
  run(settings: Settings, progress: Progress): Promise<Findings>;
}

/** `12.34` → `12.3 %`. */
export function percent(fraction: number, digits = 1): string {
  return `${(fraction * 100).toFixed(digits)} %`;
}
