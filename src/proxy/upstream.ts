// One server the data plane can forward to: its address, its idle connections, its counters.
import { HeadMemory } from "../http/head-memory.ts";
import { Batching, type ConnectionPool, type Sharing } from "./batching.ts";
import type { AnswerMemory } from "./forwarded-answer.ts";
import { defaultUpstreamLimits, type UpstreamLimits } from "./limits.ts";
import { startSweep, stopSweep } from "./sweep.ts";
import { settleReads } from "./turn.ts";
import {
  type ConnectionOwner,
  type ConnectionTaker,
  type UpstreamAddress,
  UpstreamConnection,
} from "./upstream-connection.ts";

export type { UpstreamAddress } from "./upstream-connection.ts";

export type UpstreamKind = "replica" | "control" | "broker" | "room";

export interface UpstreamOptions {
  /** The replica's name; appears in metrics and logs. */
  readonly name: string;
  readonly address: UpstreamAddress;
  /**
   * `control`: our own control API on its Unix socket. Only there the data plane adds {@link peerHeader} and
   * {@link peerProtoHeader}, passes the client's Forwarded, X-Forwarded-* and Via as they came, adds none of its
   * own, and never sends a request twice. `broker`: one of the queue's. `room`: nobody is there, requests wait in it
   * for a replica until they are routed anew. Default: `replica`.
   */
  readonly kind?: UpstreamKind;
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
  readonly kind: UpstreamKind;
  readonly address: UpstreamAddress;
  /** Exchanges and tunnels under way. */
  inFlight: number;
  /**
   * May it get new requests? False while it is set aside, or full and told to spill: those who pick pass it over as
   * long as anybody else can serve. Its place on the ring, and what it has under way, stay as they are.
   */
  accepting: boolean;
  /** From now on it accepts nothing, or no longer so. */
  setAside(isSetAside: boolean): void;
  /** Exchanges that wait for a place; they count as in flight too. */
  readonly waiting: number;
  /** No place is free. */
  readonly isFull: boolean;
  /** Those that wait for a place are routed anew. */
  reroute(): void;
  /** The observer is told of every request that goes to it, and of good answers too. Default: false. */
  watched: boolean;
  /** Counters since creation, read by the metrics page. */
  readonly stats: UpstreamStats;
  /** Connections open now, idle ones included. */
  readonly connections: number;
  /** Whether its connections may be shared (upstream batching, where that is on). */
  readonly sharing: Sharing;
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
  /** Exchanges that ended in 503 because no place at this upstream became free. */
  turnedAway: number;
  /** Times that an exchange found no place free: it waited for one, or could not even wait. */
  foundFull: number;
  /** Answers cut off midway. */
  truncated: number;
  /** Latency histogram from the request's last head byte to the answer's last byte; see {@link latencyBucketsS}. */
  readonly latencyCounts: Float64Array;
  /** Of these, exchanges that another upstream had failed before: their time is not all this one's. */
  readonly inheritedCounts: Float64Array;
  latencySumS: number;
}

/** Upper bounds of the latency histogram's buckets, in seconds; one more bucket stands for +Inf. */
export const latencyBucketsS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

export function createUpstream(options: UpstreamOptions): Upstream {
  return new PooledUpstream(options);
}

/** What {@link createUpstream} makes: the pool behind the interface, for the data plane's own use. */
export class PooledUpstream implements Upstream, ConnectionOwner, ConnectionPool {
  readonly name: string;
  readonly kind: UpstreamKind;
  readonly address: UpstreamAddress;
  /** Host field for requests that came without one (HTTP/1.0). */
  readonly hostText: string;
  inFlight = 0;
  accepting = true;
  watched = false;
  readonly stats: UpstreamStats = createStats();
  readonly batching = new Batching(this);
  /** The head that its answers had lately. */
  readonly answers: AnswerMemory = new HeadMemory();
  readonly limits: UpstreamLimits;
  /** Last in, first out: the busiest stay warm, the others grow old and are retired. */
  private readonly idle: UpstreamConnection[] = [];
  private readonly open = new Set<UpstreamConnection>();
  /** Exchanges that wait because `connectionsMax` are open; in order of arrival. */
  private readonly queue = new Set<ConnectionTaker>();
  private isSetAside = false;
  private retired = false;
  private readonly sweep = (nowMs: number) => this.closeExpired(nowMs);

  constructor(options: UpstreamOptions) {
    this.name = options.name;
    this.kind = options.kind ?? "replica";
    this.address = options.address;
    this.limits = { ...defaultUpstreamLimits, ...options.limits };
    this.hostText = hostText(options.address);
  }

  get isRetired(): boolean {
    return this.retired;
  }

  get sharing(): Sharing {
    return this.batching.sharing;
  }

  get waiting(): number {
    return this.queue.size;
  }

  get isFull(): boolean {
    return this.idle.length === 0 && this.open.size >= this.limits.connectionsMax;
  }

  setAside(isSetAside: boolean): void {
    this.isSetAside = isSetAside;
    this.settle();
  }

  private settle(): void {
    this.accepting = !this.isSetAside && !(this.limits.spills && this.isFull);
  }

  get connections(): number {
    return this.open.size;
  }

  /**
   * An idle connection, or a new one; null when `connectionsMax` are in use: the taker is called when its turn
   * comes, or has been told already that too many wait. `fresh`: only one that is new or was used a moment ago.
   */
  take(taker: ConnectionTaker, fresh: boolean, nowMs: number): UpstreamConnection | null {
    for (;;) {
      const connection = this.popIdle();
      if (connection === undefined) break;
      if (nowMs >= connection.idleUntilMs) {
        connection.discard();
      } else if (fresh && nowMs - connection.idleSinceMs > this.limits.freshMs) {
        this.idle.push(connection);
        break;
      } else {
        connection.assign(taker);
        if (this.limits.spills) this.settle();
        return connection;
      }
    }
    return this.takeNew(taker);
  }

  takeIdle(nowMs: number): UpstreamConnection | null {
    const connection = this.popIdle();
    if (connection === undefined) return null;
    if (nowMs < connection.idleUntilMs) {
      if (this.limits.spills) this.settle();
      return connection;
    }
    connection.discard(); // and what lies below it has rested for longer
    return null;
  }

  /** A new connection, whatever is idle: for a request that an idle one has just failed. */
  takeNew(taker: ConnectionTaker): UpstreamConnection | null {
    if (this.open.size >= this.limits.connectionsMax && !this.closeOldestIdle()) {
      this.stats.foundFull++;
      if (this.queue.size < this.limits.waitingMax) this.queue.add(taker);
      else taker.onUpstreamGone("full");
      return null;
    }
    const connection = new UpstreamConnection(this.address, this);
    if (this.open.size === 0) startSweep(this.sweep);
    this.open.add(connection);
    connection.assign(taker);
    if (this.limits.spills) this.settle();
    return connection;
  }

  /** The taker waits no longer. */
  forget(taker: ConnectionTaker): void {
    this.queue.delete(taker);
    this.batching.forget(taker);
  }

  distrust(): void {
    this.batching.trusted = false;
  }

  release(connection: UpstreamConnection, timeoutS: number, nowMs: number): void {
    connection.user = null;
    if (connection.closed) return;
    connection.exchanges++;
    const next = this.queue.size === 0 ? undefined : this.nextWaiting();
    if (next !== undefined) {
      connection.assign(next);
      next.onUpstreamConnection(connection);
      return;
    }
    const idleMs = timeoutS < 0 ? this.limits.idleMs : restMs(timeoutS);
    if (this.retired || idleMs <= 0) {
      connection.discard();
      return;
    }
    connection.idleSinceMs = nowMs;
    connection.idleUntilMs = nowMs + idleMs;
    this.idle.push(connection);
    if (this.limits.spills) this.settle();
  }

  /** An answer was forwarded whole. */
  countAnswer(code: number, tookMs: number, inherited: boolean): void {
    const { answersByCode, latencyCounts } = this.stats;
    const tookS = tookMs / 1000;
    answersByCode[code - 100] = (answersByCode[code - 100] as number) + 1;
    this.stats.latencySumS += tookS;
    let bucket = 0;
    while (bucket < latencyBucketsS.length && tookS > (latencyBucketsS[bucket] as number)) bucket++;
    latencyCounts[bucket] = (latencyCounts[bucket] as number) + 1;
    if (inherited) this.stats.inheritedCounts[bucket] = (this.stats.inheritedCounts[bucket] as number) + 1;
  }

  onConnectionClosed(connection: UpstreamConnection): void {
    this.open.delete(connection);
    if (this.open.size === 0) stopSweep(this.sweep);
    if (connection.user === null) {
      const index = this.idle.indexOf(connection);
      if (index >= 0) this.idle.splice(index, 1);
    }
    if (this.limits.spills) this.settle();
    const next = this.queue.size === 0 ? undefined : this.nextWaiting();
    if (next === undefined) return;
    const fresh = this.takeNew(next);
    if (fresh !== null) next.onUpstreamConnection(fresh);
  }

  reroute(): void {
    const waiting = [...this.queue];
    this.queue.clear();
    for (const taker of waiting) taker.onUpstreamGone("rerouted");
  }

  retire(): void {
    this.retired = true;
    for (const connection of this.idle.splice(0)) connection.discard();
  }

  destroy(): void {
    settleReads();
    this.retire();
    for (const connection of [...this.open]) connection.fail();
  }

  private nextWaiting(): ConnectionTaker | undefined {
    for (const taker of this.queue) {
      this.queue.delete(taker);
      return taker;
    }
    return undefined;
  }

  /** Bytes that came before anything was asked must not become the answer to what is asked now. */
  private popIdle(): UpstreamConnection | undefined {
    let connection = this.idle.pop();
    while (connection?.hasUnread) {
      this.distrust();
      connection.discard();
      connection = this.idle.pop();
    }
    return connection;
  }

  private closeOldestIdle(): boolean {
    const oldest = this.idle.shift();
    oldest?.discard();
    return oldest !== undefined;
  }

  private closeExpired(nowMs: number): void {
    const expired = this.idle.filter((connection) => nowMs >= connection.idleUntilMs);
    for (const connection of expired) connection.discard();
  }
}

function createStats(): UpstreamStats {
  return {
    answersByCode: new Float64Array(900),
    redispatched: 0,
    failed: 0,
    turnedAway: 0,
    foundFull: 0,
    truncated: 0,
    latencyCounts: new Float64Array(latencyBucketsS.length + 1),
    inheritedCounts: new Float64Array(latencyBucketsS.length + 1),
    latencySumS: 0,
  };
}

function hostText(address: UpstreamAddress): string {
  if ("path" in address) return "localhost";
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** How long to keep a connection whose server closes it after `timeoutS`: a second less, or half. */
function restMs(timeoutS: number): number {
  return timeoutS > 2 ? (timeoutS - 1) * 1000 : timeoutS * 500;
}
