// One request's whole life, from top to bottom: its head is read, an upstream is picked, it is sent, the answer comes
// back and goes to the client, and both connections are free again. Then what can go wrong, and what is done about it.
// A client connection has one of these and uses it for request after request; what it holds is in exchange-state.ts.
import type { AnswerHead } from "../http/answer-head.ts";
import type { RequestHead } from "../http/request-head.ts";
import { intake } from "./answer-intake.ts";
import { relay } from "./answer-relay.ts";
import { stage } from "./exchange-clock.ts";
import { ExchangeState } from "./exchange-state.ts";
import { gaveUp, nobodyServes, type OwnReply, ownFailure } from "./own-failure.ts";
import type { PipelineMember } from "./pipeline.ts";
import type { BodyPiece } from "./request-body.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { ExchangeConnection, UpstreamConnection, UpstreamFailure } from "./upstream-connection.ts";

export class Exchange extends ExchangeState implements PipelineMember {
  private readonly take = (piece: BodyPiece) => this.takePiece(piece);

  // — The request comes

  /** Takes a parsed request: the offset after what belongs to it, or −1 when it was refused on the way. */
  begin(bytes: Buffer, head: RequestHead, nowMs: number): number {
    const { request, attempts, context } = this;
    this.clock.startedMs = nowMs;
    attempts.start();
    request.take(bytes, head);
    const upstream = context.routing().pick(request, attempts.tried) as PooledUpstream | null;
    this.body.start(head.body);
    if (upstream !== null) request.forwardTo(upstream, bytes, head, context);
    this.stage = stage.connecting;
    const upTo = this.body.done ? head.end : this.readBody(bytes, head.end);
    if (upTo < 0) return upTo;
    if (upstream === null) this.answer(nobodyServes(context.routing(), request));
    else this.dispatch(upstream, nowMs);
    return upTo;
  }

  /** More of its body: the offset after what belongs to it, or −1 when it was refused. */
  readBody(bytes: Buffer, from: number): number {
    this.clock.progress();
    const upTo = this.body.read(bytes, from, bytes.length, this.context.limits, this.take);
    if (upTo < 0) this.refuseBody(this.body.status, this.body.problem);
    return upTo;
  }

  private takePiece(piece: BodyPiece): void {
    const { body, connection, downstream } = this;
    const { limits } = this.context;
    body.keep(piece);
    if (connection !== null) connection.piece(piece);
    if (body.pieceBytes > limits.replayBytesMax) {
      if (this.attempts.sent) body.forgetPieces();
      else downstream.pause(); // kept until it can be sent; the client waits
    }
    if (connection !== null && connection.unsentBytes > limits.bufferedBytesMax / 2) downstream.pause();
  }

  // — It goes to an upstream

  private dispatch(upstream: PooledUpstream, nowMs: number): void {
    this.upstream = upstream;
    upstream.inFlight++;
    this.stage = stage.connecting;
    // Whoever waits on in the same room has waited there all along.
    if (upstream.kind !== "room" || upstream !== this.attempts.latest) this.clock.attempt(nowMs);
    this.attempts.begin(upstream);
    this.request.sentAnew();
    this.intake.reset();
    this.reusable = false;
    if (upstream.watched) this.context.observer.upstreamAsked(upstream);
    const connection = this.attempts.connection(upstream, this, nowMs);
    if (connection !== null) this.send(connection);
  }

  onUpstreamConnection(connection: ExchangeConnection): void {
    this.clock.progress();
    this.send(connection);
  }

  /** Head and what there is of the body, in one write where they are small. */
  private send(connection: ExchangeConnection): void {
    this.connection = connection;
    this.attempts.onReused = connection.exchanges > 0;
    connection.text(this.request.forwarded);
    for (const piece of this.body.pieces ?? []) connection.piece(piece);
  }

  onUpstreamSent(): void {
    if (this.attempts.sent) return;
    this.clock.progress();
    this.attempts.markSent();
    if (this.stage === stage.connecting) this.stage = stage.awaiting;
    if (this.body.pieceBytes > this.context.limits.replayBytesMax) this.body.forgetPieces();
    this.downstream.unpause();
  }

  onUpstreamDrain(): void {
    this.clock.progress();
    this.downstream.unpause();
  }

  // — The answer comes

  onUpstreamBytes(bytes: Buffer, start: number, end: number): boolean {
    this.clock.progress();
    this.attempts.heard = true;
    if (this.stage === stage.answering) this.passBody(bytes, start, end);
    else this.readHeads(bytes, start, end);
    return !this.upstreamPaused;
  }

  /** Interim answers go on at once; a small final answer comes here when it is complete. */
  private readHeads(bytes: Buffer, start: number, end: number): void {
    const { answerHead, limits } = this.context;
    const { method } = this.request;
    const memory = this.answerRelay.recallsHeads ? (this.upstream as PooledUpstream).answers : null;
    let found = this.intake.take(bytes, start, end, method, limits, answerHead, memory);
    while (found === intake.interim) {
      this.answerRelay.interim(this.intake.bytes, answerHead, this.request);
      found = this.intake.next(method, limits, answerHead);
    }
    if (found === intake.final) this.takeFinal(answerHead);
    else if (found === intake.switching) this.switchProtocols(answerHead);
    else if (found === intake.malformed) this.fail("protocol", answerHead.problem);
  }

  private takeFinal(head: AnswerHead): void {
    if (head.code >= 502 && head.code <= 504 && this.triesElsewhere("gateway-error")) return;
    const { bytes, end } = this.intake;
    const unread = !this.body.done;
    const early = unread || this.request.mayStayUnread || (this.connection?.unsentBytes ?? 0) > 0;
    const upTo = this.answerRelay.begin(this.intake, head, this.request, unread, this.downstream.mayKeep);
    this.reusable = this.answerRelay.persistent && !early;
    if (!this.answerRelay.persistent || head.versionMinor === 0) this.upstream?.distrust();
    this.stage = stage.answering;
    if (this.answerRelay.isEventStream && this.downstream.clientEnded) this.downstream.destroy();
    else this.passBody(bytes, upTo, end);
  }

  private passBody(bytes: Buffer, start: number, end: number): void {
    const { out } = this.downstream;
    const come = this.answerRelay.pass(bytes, start, end);
    if (come === relay.done) this.finish();
    else if (come === relay.more) {
      this.upstreamPaused = out.isBlocked;
      this.connection?.readBuffer.expect(this.answerRelay.leftBytes, this.context.limits.bufferedBytesMax);
    } else {
      if (this.answerRelay.retract()) this.stage = stage.awaiting; // it came with its head: the client saw nothing
      this.fail("protocol", this.answerRelay.problem);
    }
  }

  onClientDrain(): void {
    this.clock.progress();
    if (!this.upstreamPaused) return;
    this.upstreamPaused = false;
    this.connection?.resume();
  }

  private finish(): void {
    const nowMs = this.context.nowMs();
    const upstream = this.upstream as PooledUpstream;
    const connection = this.connection as ExchangeConnection;
    this.count(upstream, this.answerRelay.code, nowMs);
    if (this.context.upstreamBatching) upstream.batching.count(this.clock.upstreamMs(connection, nowMs));
    upstream.inFlight--;
    const unread = !this.body.done;
    const close = this.answerRelay.closes || unread;
    const moreComes = unread || this.request.keepAlive;
    const reusable = this.reusable && !unread && !this.upstreamPaused && connection.unsentBytes === 0;
    const { extraBytes, keepAliveTimeoutS } = this.answerRelay;
    connection.readBuffer.done(this.downstream.out.holdsLent);
    this.tell("ok", this.answerRelay.code);
    this.clear();
    if (reusable) connection.release(extraBytes, keepAliveTimeoutS, nowMs);
    else connection.discard();
    this.downstream.exchangeDone(close, moreComes, nowMs);
  }

  // — It becomes a tunnel

  private switchProtocols(head: AnswerHead): void {
    const { downstream, request } = this;
    const upstream = this.upstream as PooledUpstream;
    const connection = this.connection as UpstreamConnection;
    if (!request.upgrades || !head.namesWebSocket) {
      this.fail("protocol", "101 to a request that asked for no WebSocket, or to another protocol");
      return;
    }
    this.answerRelay.switching(this.intake, head, request);
    this.count(upstream, 101, this.context.nowMs());
    this.tell("tunnel", 101);
    this.clear();
    downstream.startTunnel(connection, upstream);
  }

  // — What can go wrong: upstream

  onUpstreamEnd(): void {
    if (this.stage === stage.answering && this.answerRelay.end()) this.finish();
    else this.fail("reset");
  }

  onUpstreamGone(failure: UpstreamFailure): void {
    this.connection = null;
    this.fail(failure);
  }

  /** It waited on a shared connection for longer than it should: the same upstream, a new connection. */
  onUpstreamMoved(): void {
    const upstream = this.upstream as PooledUpstream;
    this.leaveUpstream();
    this.attempts.repeating = true;
    this.dispatch(upstream, this.context.nowMs());
  }

  /** Tries again where that is safe, else tells the client. `problem`: what was malformed in the answer. */
  private fail(failure: UpstreamFailure, problem = ""): void {
    const { attempts, request } = this;
    const upstream = this.upstream as PooledUpstream;
    this.leaveUpstream();
    if (failure === "reset" || failure === "protocol") upstream.distrust();
    if (!attempts.isBlameless(failure)) this.context.observer.upstreamFailed(upstream, failure, problem);
    if (this.stage === stage.answering) {
      upstream.stats.truncated++;
      this.cutOff();
      return;
    }
    const next = attempts.after(failure, upstream);
    const culprit = next === null ? attempts.culprit(failure, upstream) : null;
    if (next !== null) this.dispatchAgain(upstream, next);
    else if (culprit !== null) this.answer(gaveUp(this.context.routing(), request.target, culprit));
    else this.answer(nobodyServes(this.context.routing(), request));
  }

  /** Where the retry policy allows it: whoever is late, or has given a bad answer, is given up for another. */
  private triesElsewhere(cause: "timeout" | "gateway-error"): boolean {
    const upstream = this.upstream as PooledUpstream;
    const next = this.attempts.retry(cause, upstream);
    if (next === null) return false;
    const { connection, context } = this;
    if (cause === "timeout") context.observer.upstreamFailed(upstream, "response-timeout", "");
    else {
      context.observer.upstreamAnswered(upstream, context.answerHead.code);
      const isRead = this.body.done && connection?.unsentBytes === 0 && !this.request.mayStayUnread;
      const isFree = isRead && this.intake.giveBack(connection, context);
      if (isFree) this.connection = null;
    }
    this.leaveUpstream();
    this.dispatchAgain(upstream, next);
    return true;
  }

  private dispatchAgain(failed: PooledUpstream, next: PooledUpstream): void {
    if (next !== failed) failed.stats.redispatched++;
    this.dispatch(next, this.context.nowMs());
  }

  /** An answer of our own ends the exchange. */
  private answer({ status, body, fields, type }: OwnReply): void {
    const unread = !this.body.done;
    const { method, keepAlive } = this.request;
    this.tell("own", status, body);
    this.clear();
    const close = this.downstream.answer(status, body, fields, method, keepAlive && !unread, type);
    this.downstream.exchangeDone(close, unread || keepAlive, this.context.nowMs());
  }

  /** The client has got a part of the answer and will get no more. */
  private cutOff(): void {
    this.tell("truncated", this.answerRelay.code);
    this.clear();
    this.downstream.cut(this.answerRelay.isFramed);
  }

  // — What can go wrong: client

  private refuseBody(status: number, problem: string): void {
    const answering = this.stage === stage.answering;
    this.leaveUpstream();
    if (answering) this.cutOff();
    else this.answer(ownFailure(this.context.routing(), this.request.target, status, problem));
  }

  private leaveUpstream(): void {
    const { upstream, connection } = this;
    this.connection = null;
    this.upstream = null;
    if (upstream === null) return;
    upstream.inFlight--;
    upstream.forget(this);
    connection?.discard();
  }

  /** A half-closed client still gets its answer; but nobody half-closes and then waits for events without end. */
  onClientEnd(): void {
    if (this.stage === stage.answering && this.answerRelay.isEventStream) this.downstream.destroy();
    else if (!this.body.done) this.refuseBody(400, "the connection ended in the midst of a request's body");
  }

  /** The client is gone: nobody waits for the answer. */
  abandon(): void {
    if (this.stage === stage.none) return;
    this.tell("client-gone", this.stage === stage.answering ? this.answerRelay.code : 499);
    this.leaveUpstream();
    this.clear();
  }

  // — Deadlines, ten times a second

  sweep(nowMs: number): void {
    if (this.upstream !== null && this.connection === null) {
      if (this.clock.attemptLastsMs(nowMs) > this.upstream.limits.waitMs) this.fail("full");
      return;
    }
    const { limits, observer, retries } = this.context;
    const late = this.clock.attemptLastsMs(nowMs) > retries.policy.perTryTimeoutMs;
    if (late && this.stage === stage.awaiting && this.body.done && this.triesElsewhere("timeout")) return;
    const owesBody = !this.body.done && this.connection?.unsentBytes === 0;
    const overdue = this.clock.overdue(nowMs, this.stage, owesBody, this.upstreamPaused, limits);
    if (overdue === "connect") this.fail("connect-timeout");
    // The control API keeps deadlines of its own: a change that is under way must not be reported as failed.
    else if (overdue === "answer" && this.upstream?.kind !== "control") this.fail("response-timeout");
    else if (overdue === "body") this.refuseBody(408, `no byte of the body for ${limits.requestIdleMs} ms`);
    else if (overdue === "silent" && this.upstream !== null) observer.upstreamSilent(this.upstream);
  }
}
