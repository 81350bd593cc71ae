// What starts and stops one server, whatever that is: a process, a container, or a server that somebody else runs.
// A launcher knows nothing of seats' history, heartbeats or retries; the lifecycle decides those.
import type { DesiredReplica } from "./fleet.ts";
import type { OutputLine } from "./launchers/recent-output.ts";

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a server runs, where it differs from what its launcher was configured with; see rollout.ts. */
export interface Program {
  readonly image?: string;
  /** The program and its arguments. */
  readonly command?: readonly string[];
}

/** What the lifecycle asks for. */
export interface LaunchSpec {
  /** The replica's name: 1–63 of letters, digits, `_`, `.`, `-`. */
  readonly name: string;
  /** Its seat, or the one that it is to take over; 0 for a spare, which may get any. */
  readonly seat: number;
  /** The program's number: 1 at first, one more with each roll-out. */
  readonly revision: number;
  readonly program: Program;
}

/** What a launcher reports about one launch. Never called from inside {@link Launcher.start}. */
export interface LaunchEvents {
  /** It runs (not: it answers). Called again when the launcher had to move it to another port. */
  launched(address: Address, pid: number | null): void;
  /** It is gone, or could not be started: `exited with code 1`. Called once, the last event. */
  exited(reason: string): void;
}

/** One launch. */
export interface LaunchHandle {
  /** Asks it to end: finish what you have, take no more. */
  stop(): void;
  /** Ends it now. */
  kill(): void;
  /**
   * Asked once, when it answers for the first time: is it really this server that answers at its address?
   * `false`: somebody else does; the launcher has moved it, and {@link LaunchEvents.launched} follows.
   */
  confirm(): Promise<boolean>;
  /** Memory of the whole process tree, or null where that cannot be known. */
  rssBytes(): Promise<number | null>;
  /** Processor time that the whole process tree has used since its start, or null where that cannot be known. */
  cpuSeconds(): Promise<number | null>;
}

/** A fleet as an earlier front door left it, in the order of joining. */
export interface FoundFleet {
  readonly replicas: readonly DesiredReplica[];
  /** How many the configuration asked for then. */
  readonly replicasConfigured: number;
}

export interface Launcher {
  /** Starts a server. Does not throw: what fails is reported as {@link LaunchEvents.exited}. */
  start(spec: LaunchSpec, events: LaunchEvents): LaunchHandle;
  /**
   * True when the servers are not ours (`static`): one that stops answering is out of the ring until it answers
   * again, and is never killed or replaced.
   */
  readonly fixed: boolean;
  /** Processor time that a start takes, in ms: starts are spread so that they leave room for the traffic. Default 50. */
  readonly startCostMs?: number;
  /** What of a {@link Program} it can run; default nothing: it runs what it was configured with. */
  readonly runs?: readonly (keyof Program)[];
  /** Weight of the server on a seat; default 1. */
  weightOf?(seat: number): number;
  /** Most servers it can start; undefined: no limit of its own. */
  readonly capacity?: number;
  /** What runs already, where servers outlive a front door: {@link start} takes over those that it names. */
  readonly found?: FoundFleet;
  /** Called once, before the first start: what is there besides these is ended. */
  expect?(replicas: readonly DesiredReplica[]): void;
  /** The fleet stops, and these servers shall go on without it; undefined: all are ended. */
  letGo?(replicas: readonly DesiredReplica[]): void;
  /**
   * The last lines that the server of that name has written, the oldest first; null: none are known. Undefined: it does
   * not see what its servers write.
   */
  outputOf?(name: string): readonly OutputLine[] | null;
  /** Opens the file of its servers' output anew, after a log rotation; undefined: it has none. */
  reopenLog?(): void;
  /** Frees what the launcher holds, once all its servers are gone. */
  close(): Promise<void>;
}
