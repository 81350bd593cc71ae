// How often one request may be sent, and to whom. Nothing here sends anything: the exchange asks after each failure
// what may be done next.
import type { ClientRequest } from "./client-request.ts";
import type { PipelineMember } from "./pipeline.ts";
import type { PooledUpstream, Upstream } from "./upstream.ts";
import type { ExchangeConnection, UpstreamFailure } from "./upstream-connection.ts";

/** A request that was not sent at all may try so many upstreams after its first. */
const unsentTriesMax = 3;

/** What follows a failed attempt. */
export type NextStep =
  | "repeat" // the same upstream, on a new connection
  | "next" // the routing's next candidate
  | "stop"; // tell the client

export class Attempts {
  /** The upstreams that failed this request; empty at first. */
  tried: Upstream[] = [];
  /** Bytes of this attempt, or of any, may have reached an upstream that could act on them. */
  sent = false;
  everSent = false;
  /** This attempt uses a connection that had served before, and whether a byte has come back on it. */
  onReused = false;
  heard = false;
  /** This attempt repeats one whose resting connection turned out to be closed: it wants a new connection. */
  repeating = false;
  private resends = 0;

  reset(): void {
    if (this.tried.length > 0) this.tried = [];
    this.begin();
    this.everSent = false;
    this.resends = 0;
    this.repeating = false;
  }

  begin(): void {
    this.sent = false;
    this.heard = false;
    this.onReused = false;
  }

  /** A connection for the next attempt, which it shares only in its first. Null: the taker is called later. */
  connection(
    upstream: PooledUpstream,
    taker: PipelineMember,
    request: Pick<ClientRequest, "sharesConnection" | "isIdempotent">,
    nowMs: number,
  ): ExchangeConnection | null {
    if (this.repeating) return upstream.takeNew(taker);
    const shares = request.sharesConnection && this.tried.length === 0 && upstream.batching.allowed;
    return shares ? upstream.batching.join(taker) : upstream.take(taker, !request.isIdempotent, nowMs);
  }

  markSent(): void {
    this.sent = true;
    this.everSent = true;
  }

  /** No fault of the upstream's: it has all that it may have, or it closed a connection that was resting. */
  isBlameless(failure: UpstreamFailure): boolean {
    return failure === "full" || this.isStale(failure);
  }

  /** A resting connection was closed before the request reached the server. */
  private isStale(failure: UpstreamFailure): boolean {
    return failure === "reset" && this.onReused && !this.heard;
  }

  /**
   * Once more where that is safe: the request is idempotent or was never sent, and its body can be sent again. Our
   * own control API is never asked twice; an upstream that is merely slow is not given up for another.
   */
  after(
    failure: UpstreamFailure,
    upstream: PooledUpstream,
    idempotent: boolean,
    replayable: boolean,
  ): NextStep {
    const again = replayable && (!this.everSent || (idempotent && upstream.kind === "replica"));
    if (!again || failure === "response-timeout" || failure === "full") return "stop";
    if (this.isStale(failure) && !this.repeating && !upstream.isRetired) {
      this.repeating = true;
      return "repeat";
    }
    if (this.sent && ++this.resends > 1) return "stop";
    this.repeating = false;
    return this.tried.push(upstream) > unsentTriesMax ? "stop" : "next";
  }
}

/** For the client, when nothing more is to be tried. */
export function failureStatus(failure: UpstreamFailure): number {
  if (failure === "full") return 503;
  return failure === "response-timeout" ? 504 : 502;
}

/** Field lines of that answer. */
export function failureFields(failure: UpstreamFailure): string {
  return failure === "full" ? "Retry-After: 1\r\n" : "";
}

export function failureText(upstreamName: string, failure: UpstreamFailure): string {
  if (failure === "full") return `${upstreamName} has as many requests as it may; try again in a moment`;
  if (failure === "response-timeout") return `${upstreamName} did not answer in time`;
  if (failure === "protocol") return `${upstreamName} sent a malformed answer`;
  return `${upstreamName} closed the connection before its answer was complete`;
}
