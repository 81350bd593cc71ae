// One request's whole life, from top to bottom: its head is read, an upstream is picked, it is sent, the answer comes
// back and goes to the client, and both connections are free again. Then what can go wrong, and what is done about it.
// A client connection has one of these and uses it for request after request.
import type { AnswerHead } from "../http/answer-head.ts";
import type { RequestHead } from "../http/request-head.ts";
import { AnswerIntake, intake } from "./answer-intake.ts";
import { relay } from "./answer-relay.ts";
import { Attempts, failureAnswer } from "./attempts.ts";
import { ClientRequest } from "./client-request.ts";
import type { ClientRelay, ClientSide } from "./client-side.ts";
import { type Ending, endedExchange } from "./ended-exchange.ts";
import { ExchangeClock, stage } from "./exchange-clock.ts";
import { ownFailure } from "./own-failure.ts";
import type { PipelineMember } from "./pipeline.ts";
import { type BodyPiece, RequestBody } from "./request-body.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { ExchangeConnection, UpstreamConnection, UpstreamFailure } from "./upstream-connection.ts";

export class Exchange implements PipelineMember {
  private readonly downstream: ClientSide;

  // The request
  private readonly request: ClientRequest;
  private readonly body = new RequestBody();
  private readonly take = (piece: BodyPiece) => this.takePiece(piece);

  // Its dispatch
  private stage: number = stage.none;
  private upstream: PooledUpstream | null = null;
  private connection: ExchangeConnection | null = null;
  private readonly attempts: Attempts;

  // The answer
  private readonly intake = new AnswerIntake();
  private readonly answerRelay: ClientRelay;
  private reusable = false;
  private upstreamPaused = false;

  private readonly clock = new ExchangeClock();

  constructor(downstream: ClientSide) {
    this.downstream = downstream;
    this.request = new ClientRequest(downstream.peer);
    this.attempts = new Attempts({ request: this.request, body: this.body, context: downstream.context });
    this.answerRelay = downstream.relay;
  }

  get bodyIsRead(): boolean {
    return this.body.done;
  }

  // — The request comes

  /** Takes a parsed request: the offset after what belongs to it, or −1 when it was refused on the way. */
  begin(bytes: Buffer, head: RequestHead, nowMs: number): number {
    const { request, attempts } = this;
    const { context } = this.downstream;
    this.clock.startedMs = nowMs;
    attempts.start();
    request.take(bytes, head);
    const upstream = context.routing().pick(request, attempts.tried) as PooledUpstream | null;
    this.body.start(head.body);
    if (upstream !== null) request.forwardTo(upstream, bytes, head, context);
    this.stage = stage.connecting;
    const upTo = this.body.done ? head.end : this.readBody(bytes, head.end);
    if (upTo < 0) return upTo;
    if (upstream === null) this.answerUnavailable();
    else this.dispatch(upstream, nowMs);
    return upTo;
  }

  /** More of its body: the offset after what belongs to it, or −1 when it was refused. */
  readBody(bytes: Buffer, from: number): number {
    this.clock.progress();
    const upTo = this.body.read(bytes, from, bytes.length, this.downstream.context.limits, this.take);
    if (upTo < 0) this.refuseBody(this.body.status, this.body.problem);
    return upTo;
  }

  private takePiece(piece: BodyPiece): void {
    const { body, connection, downstream } = this;
    const { limits } = downstream.context;
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
    this.clock.attempt(nowMs);
    this.attempts.begin(upstream);
    this.intake.reset();
    this.reusable = false;
    if (upstream.watched) this.downstream.context.observer.upstreamAsked(upstream);
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
    if (this.body.pieceBytes > this.downstream.context.limits.replayBytesMax) this.body.forgetPieces();
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
    const { answerHead, limits } = this.downstream.context;
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
    const early = unread || this.request.expectsContinue || (this.connection?.unsentBytes ?? 0) > 0;
    const upTo = this.answerRelay.begin(this.intake, head, this.request, unread, this.downstream.mayKeep);
    this.reusable = this.answerRelay.persistent && !early;
    if (!this.answerRelay.persistent || head.versionMinor === 0) this.upstream?.distrust();
    this.stage = stage.answering;
    if (this.answerRelay.isEventStream && this.downstream.clientEnded) this.downstream.destroy();
    else this.passBody(bytes, upTo, end);
  }

  private passBody(bytes: Buffer, start: number, end: number): void {
    const { out, context } = this.downstream;
    const come = this.answerRelay.pass(bytes, start, end);
    if (come === relay.done) this.finish();
    else if (come === relay.more) {
      this.upstreamPaused = out.isBlocked;
      this.connection?.readBuffer.expect(this.answerRelay.leftBytes, context.limits.bufferedBytesMax);
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
    const nowMs = this.downstream.context.nowMs();
    const upstream = this.upstream as PooledUpstream;
    const connection = this.connection as ExchangeConnection;
    this.count(upstream, this.answerRelay.code, nowMs);
    if (this.downstream.context.upstreamBatching)
      upstream.batching.count(this.clock.upstreamMs(connection, nowMs));
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

  private count(upstream: PooledUpstream, code: number, nowMs: number): void {
    upstream.countAnswer(code, nowMs - this.clock.startedMs, this.attempts.tried.length > 0);
    if (code >= 500 || upstream.watched) this.downstream.context.observer.upstreamAnswered(upstream, code);
  }

  /** To the access log, if there is one. */
  private tell(ending: Ending, status: number, ownBody = ""): void {
    const { accessLog, nowMs } = this.downstream.context;
    if (accessLog === null) return;
    const { request, body, answerRelay, attempts, clock } = this;
    const parts = { request, body, relay: answerRelay, attempts, clock, ending, status, ownBody };
    accessLog(endedExchange(parts, nowMs()));
  }

  /** Nothing of one request outlives it. */
  private clear(): void {
    this.attempts.end();
    this.stage = stage.none;
    this.upstream = null;
    this.connection = null;
    this.request.clear();
    this.intake.reset();
    this.upstreamPaused = false;
    this.body.forgetAll();
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
    this.count(upstream, 101, this.downstream.context.nowMs());
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
    this.dispatch(upstream, this.downstream.context.nowMs());
  }

  /** Tries again where that is safe, else tells the client. `problem`: what was malformed in the answer. */
  private fail(failure: UpstreamFailure, problem = ""): void {
    const { attempts } = this;
    const upstream = this.upstream as PooledUpstream;
    this.leaveUpstream();
    if (failure === "reset" || failure === "protocol") upstream.distrust();
    if (!attempts.isBlameless(failure))
      this.downstream.context.observer.upstreamFailed(upstream, failure, problem);
    if (this.stage === stage.answering) {
      upstream.stats.truncated++;
      this.cutOff();
      return;
    }
    const next = attempts.after(failure, upstream);
    const culprit = next === null ? attempts.culprit(failure, upstream) : null;
    if (next !== null) this.dispatchAgain(upstream, next);
    else if (culprit !== null) {
      const { status, problem: words, fields } = failureAnswer(culprit);
      this.answerFailure(status, words, fields);
    } else this.answerUnavailable();
  }

  /** Where the retry policy allows it: whoever is late, or has given a bad answer, is given up for another. */
  private triesElsewhere(cause: "timeout" | "gateway-error"): boolean {
    const upstream = this.upstream as PooledUpstream;
    const next = this.attempts.retry(cause, upstream);
    if (next === null) return false;
    const { connection } = this;
    const { context } = this.downstream;
    if (cause === "timeout") context.observer.upstreamFailed(upstream, "response-timeout", "");
    else {
      context.observer.upstreamAnswered(upstream, context.answerHead.code);
      const isRead = this.body.done && connection?.unsentBytes === 0 && !this.request.expectsContinue;
      const isFree = isRead && this.intake.giveBack(connection, context);
      if (isFree) this.connection = null;
    }
    this.leaveUpstream();
    this.dispatchAgain(upstream, next);
    return true;
  }

  private dispatchAgain(failed: PooledUpstream, next: PooledUpstream): void {
    if (next !== failed) failed.stats.redispatched++;
    this.dispatch(next, this.downstream.context.nowMs());
  }

  private answerUnavailable(): void {
    const {
      body,
      retryAfterS,
      status = 503,
      type,
    } = this.downstream.context.routing().unavailable(this.request);
    this.answer(status, body, `Retry-After: ${retryAfterS}\r\n`, type);
  }

  private answerFailure(failed: number, problem: string, fields: string): void {
    const routing = this.downstream.context.routing();
    const { status, body, type } = ownFailure(routing, this.request.target, failed, problem);
    this.answer(status, body, fields, type);
  }

  /** An answer of our own ends the exchange. */
  private answer(status: number, body: string, fields: string, type = "application/json"): void {
    const unread = !this.body.done;
    const { method, keepAlive } = this.request;
    this.tell("own", status, body);
    this.clear();
    const close = this.downstream.answer(status, body, fields, method, keepAlive && !unread, type);
    this.downstream.exchangeDone(close, unread || keepAlive, this.downstream.context.nowMs());
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
    else this.answerFailure(status, problem, "");
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
    const { limits, observer, retries } = this.downstream.context;
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
