// What the control plane's process and a worker say to each other, over the channel that Node opens between them
// (structured clone: maps and typed arrays arrive as they are). Messages arrive in order, and each is plain data.
import type { Replica } from "../../fleet/fleet.ts";
import type { CertificatePair } from "../../proxy/tls/secure-front.ts";
import type { QueueMap } from "../../queue/map.ts";
import type { Config } from "../config.ts";
import type { DataPlaneReading } from "../data-plane.ts";
import type { HotKeysReading } from "../hot-keys.ts";
import type { Steering } from "../policies/steering.ts";
import type { ReplicaCondition } from "../replica-condition.ts";

/** A configuration without its functions, which a worker takes from the config file itself. */
export interface PortableConfig {
  readonly config: Config;
  /** Options whose value is a function. */
  readonly functions: readonly (keyof Config)[];
  /** Where they are; undefined when there are none. */
  readonly file: string | undefined;
}

/** What a worker needs to begin with. */
export interface Opening extends PortableConfig {
  readonly host: string;
  readonly ports: readonly FrontPort[];
  readonly controlPath: string | null;
  readonly steering: Steering;
  /** The ring as a snapshot: its members. The table follows from them alone, and each worker makes its own. */
  readonly served: ServedNow;
  /** False while the first replicas start: connections wait. */
  readonly begun: boolean;
  /** Null: there is no queue. */
  readonly queue: QueueNow | null;
}

/** Where the queue's requests go: the desk serves while no broker lives. */
export interface QueueNow {
  readonly desk: { readonly host: string; readonly port: number };
  readonly map: QueueMap;
}

export interface FrontPort {
  readonly port: number;
  readonly kind: "plain" | "tls";
}

/** Who serves, in the order of joining, with the weights that count now; and how many there should be. */
export interface ServedNow {
  readonly serving: readonly Replica[];
  readonly desiredCount: number;
}

export type ToWorker =
  | { readonly type: "open"; readonly opening: Opening }
  | { readonly type: "begin" }
  /** `now` only with the last change of a turn. */
  | { readonly type: "change"; readonly replica: Replica; readonly now: ServedNow | null }
  | { readonly type: "steer"; readonly steering: Steering }
  | { readonly type: "configure"; readonly config: Config }
  | { readonly type: "certificates"; readonly certificates: readonly CertificatePair[] }
  | { readonly type: "queue"; readonly map: QueueMap }
  | { readonly type: "reopen-log" }
  | { readonly type: "read" }
  /** Take no more connections, serve what is there, and end. Again with less time: hurry. */
  | { readonly type: "leave"; readonly deadlineMs: number };

export type FromWorker =
  /** It listens to what it is told; what was said before is lost (Node, with ES modules in a cluster). */
  | { readonly type: "hello" }
  | { readonly type: "ready"; readonly ports: readonly number[] }
  /** It cannot open; the process ends. */
  | { readonly type: "failed"; readonly message: string; readonly code: string | null }
  /** Exchanges that a replica which has left the ring still has here. The change has been taken in by then. */
  | { readonly type: "left"; readonly name: string; readonly inFlight: number }
  | { readonly type: "suspect"; readonly name: string; readonly gone: boolean }
  /** A request waits, and there are no replicas. */
  | { readonly type: "wake" }
  | { readonly type: "reading"; readonly reading: WorkerReading };

/** Everything that somebody may ask about a worker, at one moment. */
export interface WorkerReading {
  readonly dataPlane: DataPlaneReading;
  readonly inFlight: ReadonlyMap<string, number>;
  readonly conditions: ReadonlyMap<string, ReplicaCondition>;
  readonly hotKeys: HotKeysReading | null;
  readonly residentBytes: number;
  /** Processor time since its start, in seconds. */
  readonly cpuS: number;
}
