// How often one request may be sent, and to whom. Nothing here sends anything: the exchange asks after each failure
// what may be done next.
import type { ClientRequest } from "./client-request.ts";
import type { ProxyContext } from "./context.ts";
import type { Culprit } from "./own-failure.ts";
import type { PipelineMember } from "./pipeline.ts";
import type { RequestBody } from "./request-body.ts";
import type { RetryCause } from "./retries.ts";
import type { PooledUpstream, Upstream } from "./upstream.ts";
import type { ExchangeConnection, UpstreamFailure } from "./upstream-connection.ts";

/** A request that was not sent at all may try so many upstreams after its first. */
const unsentTriesMax = 3;

/** What is asked, and may be asked again. */
interface Asked {
  readonly request: ClientRequest;
  readonly body: Pick<RequestBody, "pieces">;
  readonly context: Pick<ProxyContext, "routing" | "retries">;
}

export class Attempts {
  /** The upstreams that failed this request; empty at first. */
  tried: Upstream[] = [];
  /** The one that was asked last. */
  latest: PooledUpstream | null = null;
  /** Bytes of this attempt, or of any, may have reached an upstream that could act on them. */
  sent = false;
  everSent = false;
  /** This attempt uses a connection that had served before, and whether a byte has come back on it. */
  onReused = false;
  heard = false;
  /** This attempt repeats one whose resting connection turned out to be closed: it wants a new connection. */
  repeating = false;
  /** Retries by the policy so far; not the re-dispatches that are free. */
  retried = 0;
  /** Whether this attempt may be given up for a retry has been asked. */
  private staysPut = false;
  private resends = 0;
  private readonly asked: Asked;

  constructor(asked: Asked) {
    this.asked = asked;
  }

  /** A request has come. */
  start(): void {
    this.asked.context.retries.begin();
    if (this.tried.length > 0) this.tried = [];
    this.sent = false;
    this.everSent = false;
    this.resends = 0;
    this.retried = 0;
    this.repeating = false;
  }

  /** It is answered, or over. */
  end(): void {
    const { retries } = this.asked.context;
    retries.underWay--;
    if (this.retried > 0) retries.retrying--;
    this.latest = null;
  }

  /** The request goes to this upstream. */
  begin(upstream: PooledUpstream): void {
    this.latest = upstream;
    this.sent = false;
    this.heard = false;
    this.onReused = false;
    this.staysPut = false;
  }

  /** A connection for the next attempt, which it shares only in its first. Null: the taker is called later. */
  connection(upstream: PooledUpstream, taker: PipelineMember, nowMs: number): ExchangeConnection | null {
    const { request } = this.asked;
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
    return failure === "full" || failure === "rerouted" || this.isStale(failure);
  }

  /** A resting connection was closed before the request reached the server. */
  private isStale(failure: UpstreamFailure): boolean {
    return failure === "reset" && this.onReused && !this.heard;
  }

  /**
   * Who is asked next, once more where that is safe: the request is idempotent or was never sent, and its body can be
   * sent again. Our own control API is never asked twice, and an upstream that is merely slow is given up for another
   * only by the retry policy. Null: nobody.
   */
  after(failure: UpstreamFailure, upstream: PooledUpstream): PooledUpstream | null {
    if (failure === "rerouted") return this.anew();
    if (failure === "full" || !this.mayRepeat(upstream)) return null;
    if (this.isStale(failure) && !this.repeating && !upstream.isRetired) {
      this.repeating = true;
      return upstream;
    }
    const late = failure === "response-timeout";
    const free = !late && this.tried.length < unsentTriesMax && (!this.sent || ++this.resends <= 1);
    const waits = !late && failure !== "protocol"; // whoever answers lives, however badly: nobody else is on its way
    return free ? this.next(upstream, waits) : this.retry(causeOf(failure), upstream, waits);
  }

  /** A retry: another candidate, if the policy and its budget allow one. `waits`: see {@link next}. */
  retry(cause: RetryCause, upstream: PooledUpstream, waits = false): PooledUpstream | null {
    const { retries } = this.asked.context;
    const { on, attempts } = retries.policy;
    if (attempts === 0 || this.staysPut || !on.has(cause) || !this.mayRepeat(upstream)) return null;
    this.staysPut = true;
    if (this.retried >= attempts) {
      retries.exhausted++;
      return null;
    }
    const next = this.next(upstream, waits);
    if (next === null || !retries.take(this.retried > 0)) return null;
    this.retried++;
    return next;
  }

  private mayRepeat(upstream: PooledUpstream): boolean {
    const { request, body } = this.asked;
    return body.pieces !== null && (!this.everSent || (request.isIdempotent && upstream.kind !== "control"));
  }

  /** Who has waited where nobody is has tried nobody there. */
  private anew(): PooledUpstream | null {
    const { request, context } = this.asked;
    return context.routing().pick(request, this.tried) as PooledUpstream | null;
  }

  /** `waits`: also for somebody, where nobody is left to ask. What was merely slow or busy is not waited for. */
  private next(upstream: PooledUpstream, waits: boolean): PooledUpstream | null {
    this.repeating = false;
    this.tried.push(upstream);
    const next = this.anew();
    return next?.kind === upstream.kind || (waits && next?.kind === "room") ? next : null;
  }

  /** Whose failure its client learns of, when nothing more is to be tried; null: nobody could take the request. */
  culprit(failure: UpstreamFailure, upstream: PooledUpstream): Culprit | null {
    if (upstream.kind !== "room") return this.everSent || failure === "full" ? { upstream, failure } : null;
    const last = this.tried.at(-1) as PooledUpstream | undefined;
    return this.everSent && last !== undefined ? { upstream: last, failure: "reset" } : null;
  }
}

function causeOf(failure: UpstreamFailure): RetryCause {
  if (failure === "response-timeout") return "timeout";
  return failure === "refused" || failure === "connect-timeout" ? "connect-failure" : "reset";
}
