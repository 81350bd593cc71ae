// What the metrics are made of: plain numbers of the data plane and the fleet, all read at one moment.
import type { TrafficSum } from "./traffic.ts";

/** Everything the page shows, read at one moment. */
export interface MetricsReading {
  /** Sums by replica name; see traffic.ts. */
  readonly traffic: ReadonlyMap<string, TrafficSum>;
  /** Answers that the front door made itself, by status code. */
  readonly ownAnswers: ReadonlyMap<number, number>;
  /** Downstream connections open now, and accepted since the start. */
  readonly connections: number;
  readonly connectionsTotal: number;
  /** Connections turned away because of a connection limit. */
  readonly connectionsRefused: number;
  /** Of HTTP/2: connections since the start, those closed for waste, and streams that the client wasted. */
  readonly http2: {
    readonly connections: number;
    readonly connectionsWasteful: number;
    readonly streamsWasted: number;
  };
  /** TLS handshakes since the start, by how they ended. */
  readonly tls: { readonly full: number; readonly resumed: number; readonly failed: number };
  /** Replicas by state; every state is present, with 0 where there is none. */
  readonly replicasByState: ReadonlyMap<string, number>;
  /** How many replicas there should be. */
  readonly replicasDesired: number;
  /** Warm spares, starting or healthy. */
  readonly spares: number;
  readonly respawns: number;
  readonly heartbeatFailures: number;
  readonly rollouts: RolloutFigures;
  /** By the name of each replica in the ring: its share of the key space 0…1, and its exchanges under way. */
  readonly serving: ReadonlyMap<string, { readonly share: number; readonly inFlight: number }>;
  /** By replica in the ring: processor time since its start and memory, of its process tree; null: not known. */
  readonly usage: ReadonlyMap<
    string,
    { readonly cpuSeconds: number | null; readonly rssBytes: number | null }
  >;
  /** Retries by the retry policy; those that were due and over its budget; those that would have been one too many. */
  readonly retries: number;
  readonly retriesOverBudget: number;
  readonly retriesExhausted: number;
  /** By replica: exchanges that wait for a place there, and how many data planes have no place left. */
  readonly waiting: ReadonlyMap<string, number>;
  readonly full: ReadonlyMap<string, number>;
  /** With upstream batching: replicas by whether their connections may be shared, and if not, why. */
  readonly sharing: ReadonlyMap<string, number>;
  /** By replica: how many data planes have set it aside now. */
  readonly ejected: ReadonlyMap<string, number>;
  /** Times a replica was set aside, by cause; times it was spared because too many were already; all are used. */
  readonly ejections: ReadonlyMap<string, number>;
  readonly ejectionsSpared: number;
  /** Data planes that use all of them, for want of others. */
  readonly ejectionPanics: number;
  /** Requests that wait now because there are no replicas, and those that ever found none. */
  readonly held: number;
  readonly heldTotal: number;
  /** What autoscale has done; null: it is off. */
  readonly autoscale: AutoscaleMetrics | null;
  /** Slots of the ring, how many changed owner at the last change, and how often it changed. */
  readonly slots: number;
  readonly slotsMoved: number;
  readonly ringChanges: number;
  /** Requests routed while loads were bounded, those of them that went elsewhere for it, those whose key is spread. */
  readonly hashing: { readonly bounded: number; readonly overflowed: number; readonly spread: number };
  /** Requests per second for the hottest keys, the hottest first. */
  readonly hotKeyRates: readonly number[];
  /** Times the user's routing-key function threw or gave something that is no key. */
  readonly keyErrors: number;
  readonly logLinesDropped: number;
  readonly accessLinesDropped: number;
}

export interface AutoscaleMetrics {
  readonly min: number;
  readonly max: number;
  /** Replicas that the load asks for. */
  readonly recommended: number;
  /** Decisions for more, for fewer, and those of both that could not be carried out. */
  readonly up: number;
  readonly down: number;
  readonly failed: number;
}

/** The program that replicas run, and how it changes. */
export interface RolloutFigures {
  /** Number of the fleet's revision. */
  readonly revision: number;
  /** By phase (forward, back): 1 while a roll-out is in it, else 0. */
  readonly phases: ReadonlyMap<string, number>;
  /** Seats that have what they shall have; all of them when no roll-out is under way. */
  readonly seatsDone: number;
  readonly understudies: number;
  /** Since the start, by outcome. */
  readonly ended: ReadonlyMap<string, number>;
}

/** What the metrics hang from while one page is made. */
export interface MetricsMoment {
  reading: MetricsReading;
}
