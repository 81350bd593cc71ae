// Upstream batching, opt-in: requests for one upstream that arrive in one turn of the event loop share its connections.
// HTTP/1.1 answers carry no id, so only an upstream that is quick and has never done anything unexpected is sent more
// than one request at a time; what it does instead of answering in order ends that for good. How answers find their
// exchanges is in pipeline.ts.

import type { UpstreamLimits } from "./limits.ts";
import { Pipeline, type PipelineMember, type UpstreamTrust } from "./pipeline.ts";
import { atTurnEnd, type TurnWriter } from "./turn.ts";
import type { ConnectionTaker, UpstreamConnection } from "./upstream-connection.ts";

/** Requests on one connection at a time. */
export const depthMax = 4;
/** An answer that took longer is slow, and of a hundred answers one may be: the p99 is at most this. */
export const slowMs = 2;
const slowShareMax = 0.01;
/** The share of slow answers is a running mean that forgets like this many answers. */
const answersRemembered = 512;
/** Answers that must have been seen before anything is said about their p99. */
export const answersNeeded = 128;
/** A connection takes no further request when so much waits to be written: it would no longer be one small write. */
const writeBytesMax = 12 * 1024;

/** Whether an upstream's connections may be shared, and if not, why: too little known, too slow, or unexpected bytes. */
export type Sharing = "shared" | "new" | "slow" | "distrusted";

/** Where connections come from. */
export interface ConnectionPool {
  readonly limits: Pick<UpstreamLimits, "sharedAnswerMs">;
  /** An idle connection, which has served before; null when there is none. */
  takeIdle(nowMs: number): UpstreamConnection | null;
  /** Any connection for this taker alone; null when it has to wait for one. */
  take(taker: ConnectionTaker, fresh: boolean, nowMs: number): UpstreamConnection | null;
}

export class Batching implements TurnWriter, UpstreamTrust {
  /** False for good once the upstream did something unexpected. */
  trusted = true;
  private readonly pool: ConnectionPool;
  private answers = 0;
  private slowShare = 0;
  /** Who arrived in this turn. */
  private gathered: PipelineMember[] = [];

  constructor(pool: ConnectionPool) {
    this.pool = pool;
  }

  get answerMsMax(): number {
    return this.pool.limits.sharedAnswerMs;
  }

  get allowed(): boolean {
    return this.sharing === "shared";
  }

  get sharing(): Sharing {
    if (!this.trusted) return "distrusted";
    if (this.slowShare > slowShareMax) return "slow";
    return this.answers < answersNeeded ? "new" : "shared";
  }

  /**
   * An answer came whole, so long after its request: from the end of the turn in which that was written to the beginning
   * of the turn in which the last of the answer was read. Our own turns do not count: when we are what is slow, sharing
   * is what helps.
   */
  count(tookMs: number): void {
    this.answers++;
    this.slowShare += ((tookMs > slowMs ? 1 : 0) - this.slowShare) / answersRemembered;
  }

  /** It gets its connection at the end of this turn. */
  join(member: PipelineMember): null {
    if (this.gathered.push(member) === 1) atTurnEnd(this);
    return null;
  }

  /** The member waits no longer. */
  forget(member: ConnectionTaker): void {
    if (this.gathered.length > 0) this.gathered = this.gathered.filter((other) => other !== member);
  }

  writeNow(): void {
    const members = this.gathered;
    if (members.length === 0) return;
    this.gathered = [];
    const nowMs = performance.now();
    for (let at = 0; at < members.length; ) {
      const shared = members.length - at > 1 && this.allowed ? this.pool.takeIdle(nowMs) : null;
      if (shared === null) this.alone(members[at++] as PipelineMember, nowMs);
      else at = this.together(shared, members, at, nowMs);
    }
  }

  private alone(member: PipelineMember, nowMs: number): void {
    const connection = this.pool.take(member, false, nowMs);
    if (connection !== null) member.onUpstreamConnection(connection);
  }

  /** The index of the first member that did not fit. */
  private together(
    connection: UpstreamConnection,
    members: readonly PipelineMember[],
    from: number,
    nowMs: number,
  ): number {
    const pipeline = new Pipeline(connection, this);
    const end = Math.min(members.length, from + depthMax);
    let at = from;
    do pipeline.add(members[at++] as PipelineMember);
    while (at < end && connection.unsentBytes < writeBytesMax);
    pipeline.start(nowMs);
    return at;
  }
}
