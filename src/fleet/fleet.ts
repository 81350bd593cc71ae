// A fleet: a desired set of replicas, kept alive. This file is the seam that the balancer sees; the lifecycle is
// a pure reducer (lifecycle.ts), what starts and stops a server is a launcher (launcher.ts), and createFleet
// (create-fleet.ts) joins them to clocks and sockets.
import type { HeartbeatOptions } from "./heartbeat.ts";
import type { Address, Launcher, Program } from "./launcher.ts";
import type { Probe } from "./probe.ts";
import type { RolloutPlan, RolloutReport, StoredRevisions } from "./revision.ts";
import type { Usage } from "./usage.ts";

export type ReplicaState =
  | "starting" // launched, or about to be after a failed try; not yet healthy
  | "healthy" // in the ring
  | "down" // out of the ring: it misses heartbeats; back when it answers, killed and replaced when the cap allows
  | "draining" // out of the ring, finishing what it has
  | "dead"; // out of the ring, being killed or gone

/** One replica as others may see it. */
export interface Replica {
  readonly name: string;
  readonly seat: number;
  readonly weight: number;
  readonly state: ReplicaState;
  /** Null until the launcher knows it. */
  readonly address: Address | null;
  /** Process id; null for launchers that have none. */
  readonly pid: number | null;
  /** Number of the program that it runs; see revision.ts. */
  readonly revision: number;
  /** When it entered this state, in ms since the Unix epoch. */
  readonly sinceMs: number;
  /** Why it is in this state, in words: `exited with code 1`, `2 heartbeats missed: no answer within 1000 ms`. */
  readonly reason: string;
}

/** A replica that there should be. */
export interface DesiredReplica {
  readonly name: string;
  readonly seat: number;
  /** Default: the launcher's for that seat. */
  readonly weight?: number;
  /** Number of the program that it runs; default: the fleet's. Another one only while a roll-out is under way. */
  readonly revision?: number;
}

/** A state change, in the order in which it happened. */
export interface FleetChange {
  readonly replica: Replica;
  /**
   * Null when the replica is seen for the first time: just launched, or a warm spare that takes a seat, healthy. The
   * state it is in when only its weight changed.
   */
  readonly from: ReplicaState | null;
  /** True when more changes follow in the same turn, so that a listener may rebuild what it must only once. */
  readonly more: boolean;
}

export interface FleetCounters {
  /** Replacements started because a replica died or hung. */
  respawns: number;
  /** Probes that failed, of replicas that had been healthy. */
  heartbeatFailures: number;
  /** Roll-outs that ended, by outcome. */
  rolloutsComplete: number;
  rolloutsRolledBack: number;
}

/** Where a fleet tells what happens, in words: pino's call shape. */
export interface FleetLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface FleetOptions {
  readonly launcher: Launcher;
  readonly log: FleetLog;
  /** How many replicas {@link Fleet.start} brings up; 0 or more. Default 3, or all that a static launcher has. */
  readonly replicaCount?: number;
  /** These instead, in the order of joining: names and seats as they were before a restart. */
  readonly replicas?: readonly DesiredReplica[] | undefined;
  /** What they run, and the roll-out that was under way; default: what the launcher was configured with, and none. */
  readonly revisions?: StoredRevisions | undefined;
  /** How replicas are checked; see {@link HeartbeatOptions} for the defaults. */
  readonly heartbeat?: Partial<HeartbeatOptions>;
  /** Spare replicas, started and healthy, that take the seat at once when one dies. Default 0. */
  readonly warm?: number;
  /** Most replicas that the user allows; default 64. */
  readonly replicasMax?: number;
  /** Most servers that the placement's table holds (56 for `assignment`). Default: no limit. */
  readonly capacity?: number;
  /** From removal to SIGKILL, in ms; default 10,000. In-flight requests finish, then SIGTERM. */
  readonly drainMs?: number;
  /** A replica that is not healthy this long after its launch is killed and tried again; default 30,000. */
  readonly startDeadlineMs?: number;
  /** How long {@link Fleet.add} waits before it rolls back; default 30,000. */
  readonly addDeadlineMs?: number;
  /** A replica whose process tree uses more memory is replaced, its successor first. Default: no limit. */
  readonly maxRssBytes?: number;
  /** How one server is looked at; default probe.ts. A simulation has servers without sockets. */
  readonly probe?: Probe | undefined;
  /** 32 random bits, from which names, pauses and chosen replicas follow; default the system's. A simulation has a seed. */
  readonly entropy?: (() => number) | undefined;
}

/** What {@link Fleet.reconfigure} changes, each with the meaning and default that it has in {@link FleetOptions}. */
export type FleetSettings = Pick<
  FleetOptions,
  "heartbeat" | "warm" | "replicasMax" | "drainMs" | "startDeadlineMs" | "maxRssBytes"
>;

export interface Fleet {
  /** All replicas known now, draining ones included; spares are not (they have no seat yet). */
  replicas(): readonly Replica[];
  /** Replicas in the ring, in the order in which they joined. What `/rep` lists. */
  serving(): readonly Replica[];
  /** Warm spares, starting or healthy; their seat is 0. They show up in {@link replicas} when they take one. */
  spares(): readonly Replica[];
  /** New replicas that start to take over the seats of others; their seat is 0 until then. */
  understudies(): readonly Replica[];
  /** What a replica in the ring uses of the machine; null: it is not in the ring, or was not looked at yet. */
  usageOf(name: string): Usage | null;
  /** How many there should be. */
  readonly desiredCount: number;
  /** Those that there should be, in the order of joining; those of an {@link add} under way are not among them yet. */
  desired(): readonly Required<DesiredReplica>[];
  /** As they are now. */
  readonly counters: Readonly<FleetCounters>;
  /** Starts the first replicas (S1…SN, or those given); resolves when each has become healthy or failed once. */
  start(): Promise<void>;
  /** From now on it lives by these; what is not given has its default again. Replicas that live are left as they are. */
  reconfigure(settings: FleetSettings): void;
  /**
   * Adds `count` replicas, named as given and the rest at random; resolves when they are healthy and in the ring.
   * Rejects with RoundhouseError: BAD_REQUEST, NAME_TAKEN or FULL before anything started; TIMEOUT (30 s) or
   * START_FAILED after what was started has been rolled back.
   */
  add(count: number, names: readonly string[]): Promise<void>;
  /**
   * Removes `count` replicas, the named ones and the rest at random among the others. They are out of the ring
   * when this resolves; they drain and stop in the background. Rejects with BAD_REQUEST or NOT_FOUND, all or nothing.
   */
  remove(count: number, names: readonly string[]): Promise<void>;
  /**
   * The replica's share of the work relative to the others, from now on; its seat keeps it when it is replaced. Throws
   * BAD_REQUEST or NOT_FOUND.
   */
  setWeight(name: string, weight: number): void;
  /**
   * Replaces this replica: a new one, under a new name, becomes healthy, takes its seat, and the old one drains. Gives
   * the new name. Rejects with BAD_REQUEST or NOT_FOUND, or with START_FAILED; then the old one still serves.
   */
  restart(name: string): Promise<string>;
  /**
   * Begins a roll-out (see rollout.ts): a change of the program, or none for a rolling restart. Throws BAD_REQUEST, also
   * while one is under way. What came of it is told by {@link rolloutReport}.
   */
  rollOut(change: Program, plan: Partial<RolloutPlan>): RolloutReport;
  /** Sends the roll-out under way back. Throws BAD_REQUEST when there is none. */
  abortRollout(): RolloutReport;
  rolloutReport(): RolloutReport;
  /** What the next run of this fleet is to start with. */
  revisions(): StoredRevisions;
  /** Calls back when a roll-out has begun, turned back or ended. */
  onRollout(listener: () => void): void;
  /** Asks whether a replica fails its requests, in words (null: it does not); new ones are watched for it. */
  setFaultOf(probe: (name: string) => string | null): void;
  /**
   * The data plane suspects this replica: probe it now. With `gone` (a connection to it was refused) one failed
   * probe is enough to take it out of the ring.
   */
  suspect(name: string, gone?: boolean): void;
  /** Calls back after every change, synchronously, before anything else happens. Listeners must not throw. */
  onChange(listener: (change: FleetChange) => void): void;
  /** Tells how many exchanges a replica still has, so that a drain can end early. */
  setInFlightOf(probe: (name: string) => number): void;
  /** Drains and stops all; `deadlineMs` 0 kills at once. May be called again with a shorter deadline. */
  stop(deadlineMs: number): Promise<void>;
}
