// A fleet: a desired set of replicas, kept alive. This file is the seam that the balancer sees; the lifecycle is
// a pure reducer, and what starts and stops a server is a launcher.

export type ReplicaState =
  | "starting" // launched, not yet healthy
  | "healthy" // in the ring
  | "draining" // out of the ring, finishing what it has
  | "dead"; // out of the ring, being killed or gone

/** One replica as others may see it. */
export interface Replica {
  readonly name: string;
  readonly seat: number;
  readonly weight: number;
  readonly state: ReplicaState;
  /** Null until the launcher knows it. */
  readonly address: { readonly host: string; readonly port: number } | null;
  /** Process id; null for launchers that have none. */
  readonly pid: number | null;
  /** When it entered this state, in ms since the Unix epoch. */
  readonly sinceMs: number;
  /** Why it is in this state, in words: `exited with code 1`, `3 heartbeats missed`. */
  readonly reason: string;
}

/** A state change, in the order in which it happened. */
export interface FleetChange {
  readonly replica: Replica;
  readonly from: ReplicaState | null;
}

export interface FleetCounters {
  /** Replacements started because a replica died or hung. */
  respawns: number;
  /** Probes that failed, of replicas that had been healthy. */
  heartbeatFailures: number;
}

export interface Fleet {
  /** All replicas known now, draining ones included. */
  replicas(): readonly Replica[];
  /** Replicas in the ring, in the order in which they joined. What `/rep` lists. */
  serving(): readonly Replica[];
  /** How many there should be. */
  readonly desiredCount: number;
  readonly counters: FleetCounters;
  /** Starts the first `count` replicas (S1…SN); resolves when each has become healthy or failed once. */
  start(): Promise<void>;
  /**
   * Adds `count` replicas, named as given and the rest at random; resolves when they are healthy and in the ring.
   * Rejects with RoundhouseError: BAD_REQUEST, NAME_TAKEN or FULL before anything started; TIMEOUT (30 s) or
   * START_FAILED after what was started has been rolled back.
   */
  add(count: number, names: readonly string[]): Promise<void>;
  /**
   * Removes `count` replicas, the named ones and the rest at random among the others. They are out of the ring
   * when this returns; they drain and stop in the background. Rejects with BAD_REQUEST or NOT_FOUND, all or nothing.
   */
  remove(count: number, names: readonly string[]): Promise<void>;
  /** The data plane suspects this replica: probe it now. `gone`: a connection to it was refused. */
  suspect(name: string): void;
  /** Calls back after every change, synchronously, before anything else happens. */
  onChange(listener: (change: FleetChange) => void): void;
  /** Tells how many exchanges a replica still has, so that a drain can end early. */
  setInFlightOf(probe: (name: string) => number): void;
  /** Drains and stops all; `deadlineMs` 0 kills at once. */
  stop(deadlineMs: number): Promise<void>;
}
