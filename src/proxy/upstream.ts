// One server the data plane can forward to: its address, its idle connections, its counters.
import type { UpstreamLimits } from "./limits.ts";

/** Where an upstream listens. */
export type UpstreamAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface UpstreamOptions {
  /** The replica's name; appears in metrics and logs. */
  readonly name: string;
  readonly address: UpstreamAddress;
  /**
   * `control`: our own control API on its Unix socket. Only there the data plane adds {@link peerHeader} and
   * {@link peerProtoHeader}, passes the client's Forwarded, X-Forwarded-* and Via as they came, adds none of its
   * own, and never sends a request twice. Default: `replica`.
   */
  readonly kind?: "replica" | "control";
  /** Every limit has a safe default. */
  readonly limits?: Partial<UpstreamLimits>;
}

/** To control upstreams only: the socket's peer address. Every client field that begins `roundhouse-` is removed. */
export const peerHeader = "roundhouse-peer";
/** To control upstreams only: `http` or `https`, by the client's socket. */
export const peerProtoHeader = "roundhouse-proto";

/** Made by {@link createUpstream}; owned by the balancer, used by the data plane. */
export interface Upstream {
  readonly name: string;
  readonly kind: "replica" | "control";
  readonly address: UpstreamAddress;
  /** Exchanges and tunnels under way. */
  inFlight: number;
  /** Counters since creation, read by the metrics page. */
  readonly stats: UpstreamStats;
  /** Connections open now, idle ones included. */
  readonly connections: number;
  /** No new connection is kept; idle ones close now, the others after their exchange. */
  retire(): void;
  /** Retire, and destroy connections in use too (the replica is dead: its exchanges fail over at once). */
  destroy(): void;
}

/** Outcomes of exchanges as the client saw them. */
export interface UpstreamStats {
  /** Answers forwarded, by status code: index = code − 100 (0…899). */
  readonly answersByCode: Uint32Array | Float64Array;
  /** Exchanges that were sent again to another candidate after this upstream failed them. */
  redispatched: number;
  /** Exchanges that ended in 502 or 504 because of this upstream. */
  failed: number;
  /** Answers cut off midway. */
  truncated: number;
  /** Latency histogram from the request's last head byte to the answer's last byte; see {@link latencyBucketsS}. */
  readonly latencyCounts: Float64Array;
  latencySumS: number;
}

/** Upper bounds of the latency histogram's buckets, in seconds; one more bucket stands for +Inf. */
export const latencyBucketsS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;
