// One request's whole life, from top to bottom: its head is read, an upstream is picked, it is sent, the answer comes
// back and goes to the client, and both connections are free again. Then what can go wrong, and what is done about it.
//
// A client connection has one of these and uses it for request after request.
import { type AnswerHead, parseAnswerHead } from "../http/answer-head.ts";
import { incomplete, refused } from "../http/fields.ts";
import { framing } from "../http/framing.ts";
import { failureBody } from "../http/own-answer.ts";
import type { RequestHead } from "../http/request-head.ts";
import { AnswerBody } from "./answer-body.ts";
import type { Downstream } from "./downstream.ts";
import { finalFields, forwardedAnswerHead } from "./forwarded-answer.ts";
import { forwardedRequestHead } from "./forwarded-request.ts";
import { HeldBytes } from "./held-bytes.ts";
import { type BodyPiece, RequestBody } from "./request-body.ts";
import { fieldIn, isIdempotent, rootedTarget } from "./request-view.ts";
import type { RoutedRequest, UpstreamFailure } from "./routing.ts";
import { Tunnel } from "./tunnel.ts";
import { type ConnectionTaker, latencyBucketsS, type PooledUpstream, type Upstream } from "./upstream.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";

/** Where an exchange is in its life. */
const stage = {
  none: 0,
  /** Waiting for an upstream connection, or for it to be established. */
  connecting: 1,
  /** Sent, at least in part; no final answer head yet. */
  awaiting: 2,
  /** The answer's head has gone to the client: from here on nothing can be asked for again. */
  answering: 3,
} as const;

const silentAfterMs = 250;
/** An upstream that sends more interim answers than this for one request is broken. */
const interimAnswersMax = 32;
/** A request that was not sent at all may try so many upstreams after its first. */
const unsentRedispatchesMax = 3;
const untried: readonly Upstream[] = [];

export class Exchange implements RoutedRequest, ConnectionTaker {
  private readonly downstream: Downstream;

  // The request
  method = "";
  target = "";
  setCookie: string | undefined;
  /** Its head as received, and as it is forwarded. */
  private text = "";
  private forwarded = "";
  private versionMinor = 1;
  private keepAlive = true;
  private expectsContinue = false;
  private upgrades = false;
  private readonly body = new RequestBody();
  private readonly take = (piece: BodyPiece) => this.takePiece(piece);

  // Its dispatch
  private stage: number = stage.none;
  private upstream: PooledUpstream | null = null;
  private connection: UpstreamConnection | null = null;
  private tried: Upstream[] | null = null;
  /** Bytes of it may have reached an upstream that could act on them: this one, or any. */
  private sent = false;
  private everSent = false;
  /** How often it was sent again after it had been sent. */
  private resends = 0;
  /** This dispatch uses a connection that had rested; if it dies unheard, that says nothing about the upstream. */
  private onReused = false;
  private heard = false;
  private staleTried = false;

  // The answer
  /** What has come of an answer that cannot be forwarded yet, and how many bytes it needs to be complete. */
  private held: HeldBytes | null = null;
  private heldNeeds = 0;
  private interims = 0;
  private code = 0;
  private readonly answerBody = new AnswerBody();
  private closeAfter = false;
  /** The upstream connection can serve again, and for how long it may rest (−1: not said). */
  private reusable = false;
  private idleMs = -1;
  private upstreamPaused = false;
  /** Bytes of it were written to the client. */
  private begun = false;

  // Time, in performance.now()
  private startedMs = 0;
  private quietSinceMs = 0;
  private progressed = false;
  private silenceReported = false;

  constructor(downstream: Downstream) {
    this.downstream = downstream;
  }

  get peerAddress(): string {
    return this.downstream.peer.address;
  }

  get peerTrusted(): boolean {
    return this.downstream.peer.trusted;
  }

  header(name: string): string | undefined {
    return fieldIn(this.text, name);
  }

  get isOpen(): boolean {
    return this.stage !== stage.none;
  }

  get bodyIsRead(): boolean {
    return this.body.done;
  }

  // — The request comes

  /** Takes a parsed request: the offset after what belongs to it, or −1 when it was refused on the way. */
  begin(bytes: Buffer, head: RequestHead, nowMs: number): number {
    this.takeHead(bytes, head, nowMs);
    const upstream = this.downstream.context.routing().pick(this, untried) as PooledUpstream | null;
    this.body.start(head.body);
    if (upstream !== null) this.forwarded = this.forwardedHead(head, upstream);
    this.stage = stage.connecting;
    const upTo = this.body.done ? head.end : this.readBody(bytes, head.end);
    if (upTo < 0) return upTo;
    if (upstream === null) this.answerUnavailable();
    else this.dispatch(upstream, nowMs);
    return upTo;
  }

  private takeHead(bytes: Buffer, head: RequestHead, nowMs: number): void {
    this.text = bytes.toString("latin1", head.start, head.end);
    const target = this.text.slice(head.targetStart - head.start, head.targetEnd - head.start);
    this.method = head.method;
    this.target = head.targetLacksSlash ? rootedTarget(target, head.method) : target;
    this.setCookie = undefined;
    this.versionMinor = head.versionMinor;
    this.keepAlive = head.versionMinor === 1 ? !head.connection.close : head.connection.keepAlive;
    this.expectsContinue = head.expectsContinue;
    this.upgrades = head.upgradesToWebSocket && head.body.kind === framing.none;
    head.upgradesToWebSocket = this.upgrades;
    this.tried = null;
    this.everSent = false;
    this.resends = 0;
    this.staleTried = false;
    this.startedMs = nowMs;
  }

  private forwardedHead(head: RequestHead, upstream: PooledUpstream): string {
    const { context, peer } = this.downstream;
    return forwardedRequestHead(this.text, this.target, head, peer, upstream, context.policy, context.tables);
  }

  /** More of its body: the offset after what belongs to it, or −1 when it was refused. */
  readBody(bytes: Buffer, from: number): number {
    this.progressed = true;
    const upTo = this.body.read(bytes, from, bytes.length, this.downstream.context.limits, this.take);
    if (upTo < 0) this.refuseBody(this.body.status, this.body.problem);
    return upTo;
  }

  private takePiece(piece: BodyPiece): void {
    const { body, connection, downstream } = this;
    const { limits } = downstream.context;
    body.keep(piece);
    if (connection === null || !connection.connected) {
      // Kept until it can be sent; the client waits when that is much.
      if (connection !== null) writePiece(connection, piece);
      if (body.pieceBytes > limits.replayBytesMax) downstream.pause();
      return;
    }
    if (body.pieceBytes > limits.replayBytesMax) body.forgetPieces();
    writePiece(connection, piece);
    if (connection.socket.writableLength > limits.bufferedBytesMax / 2) downstream.pause();
  }

  // — It goes to an upstream

  private dispatch(upstream: PooledUpstream, nowMs: number): void {
    this.upstream = upstream;
    upstream.inFlight++;
    this.stage = stage.connecting;
    this.quietSinceMs = nowMs;
    this.progressed = false;
    this.silenceReported = false;
    this.sent = false;
    this.heard = false;
    this.interims = 0;
    this.reusable = false;
    const connection = this.staleTried
      ? upstream.takeNew(this)
      : upstream.take(this, !isIdempotent(this.method), nowMs);
    if (connection !== null) this.send(connection);
  }

  onUpstreamConnection(connection: UpstreamConnection): void {
    this.progressed = true;
    this.send(connection);
  }

  /** Head and what there is of the body, in one write where they are small. */
  private send(connection: UpstreamConnection): void {
    this.connection = connection;
    this.onReused = connection.exchanges > 0;
    const { socket } = connection;
    const pieces = this.body.pieces;
    if (connection.connected) this.markSent();
    if (pieces === null || pieces.length === 0) {
      socket.write(this.forwarded, "latin1");
    } else if (pieces.length === 1 && typeof pieces[0] === "string") {
      socket.write(this.forwarded + pieces[0], "latin1");
    } else {
      socket.cork();
      socket.write(this.forwarded, "latin1");
      for (const piece of pieces) writePiece(connection, piece);
      socket.uncork();
    }
  }

  onUpstreamConnected(): void {
    this.progressed = true;
    this.markSent();
  }

  private markSent(): void {
    this.sent = true;
    this.everSent = true;
    this.stage = stage.awaiting;
    const { body, downstream } = this;
    if (body.done) return;
    if (body.pieceBytes > downstream.context.limits.replayBytesMax) body.forgetPieces();
    downstream.unpause();
  }

  onUpstreamDrain(): void {
    this.progressed = true;
    if (!this.body.done) this.downstream.unpause();
  }

  // — The answer comes

  onUpstreamBytes(bytes: Buffer, length: number): boolean {
    this.progressed = true;
    this.heard = true;
    if (this.stage === stage.answering) this.passBody(bytes, 0, length);
    else if (this.held === null) this.readHeads(bytes, length);
    else {
      this.held.append(bytes, 0, length);
      if (this.held.length < this.heldNeeds) return true;
      const held = this.held.bytes();
      this.held = null;
      this.readHeads(held, held.length);
    }
    return !this.upstreamPaused;
  }

  /** Interim answers go on at once; a small final answer waits until it is complete. */
  private readHeads(bytes: Buffer, length: number): void {
    const { answerHead, limits } = this.downstream.context;
    let from = 0;
    for (;;) {
      const end =
        from === length
          ? incomplete
          : parseAnswerHead(bytes, from, length, this.method, limits.answerHeadBytesMax, answerHead);
      if (end === refused) {
        this.fail("protocol");
        return;
      }
      if (end === incomplete) {
        this.hold(bytes, from, length, 0);
        return;
      }
      if (answerHead.code >= 200) {
        this.takeFinal(bytes, from, end, length, answerHead);
        return;
      }
      if (answerHead.code === 101) {
        this.switchProtocols(bytes, end, length, answerHead);
        return;
      }
      if (++this.interims > interimAnswersMax) {
        this.fail("protocol");
        return;
      }
      this.passInterim(bytes, answerHead);
      from = end;
    }
  }

  private hold(bytes: Buffer, from: number, length: number, needs: number): void {
    this.heldNeeds = needs;
    if (from < length) this.held = new HeldBytes(bytes, from, length);
  }

  /** Not to HTTP/1.0 clients, and 100 only to one that waits for it (RFC 9110 section 15.2). */
  private passInterim(bytes: Buffer, head: AnswerHead): void {
    if (this.versionMinor === 0) return;
    if (head.code === 100 && !this.expectsContinue) return;
    if (head.code === 100) this.expectsContinue = false;
    const text = bytes.toString("latin1", head.start, head.end);
    this.downstream.text(`${forwardedAnswerHead(text, head)}\r\n`);
    this.downstream.flush();
  }

  private takeFinal(bytes: Buffer, from: number, headEnd: number, length: number, head: AnswerHead): void {
    const { limits } = this.downstream.context;
    const needs = head.body.kind === framing.length ? headEnd - from + head.body.length : 0;
    if (length - from < needs && head.body.length <= limits.heldAnswerBytesMax) {
      this.hold(bytes, from, length, needs);
      return;
    }
    const early = !this.body.done || (this.connection?.socket.writableLength ?? 0) > 0;
    const persistent = head.versionMinor === 1 ? !head.connection.close : head.connection.keepAlive;
    this.reusable = persistent && !early && head.body.kind !== framing.untilClose;
    this.idleMs = head.keepAliveTimeoutS < 0 ? -1 : restMs(head.keepAliveTimeoutS);
    this.code = head.code;
    this.beginAnswer(bytes, from, head);
    this.passBody(bytes, headEnd, length);
  }

  private beginAnswer(bytes: Buffer, from: number, head: AnswerHead): void {
    const { kind, length } = head.body;
    const { downstream } = this;
    const unframed = kind === framing.chunked || kind === framing.untilClose;
    const chunked = unframed && this.versionMinor === 1;
    const unread = !this.body.done && kind === framing.none;
    this.closeAfter = !this.keepAlive || !downstream.mayKeep || unread || (unframed && !chunked);
    const text = bytes.toString("latin1", from, head.end);
    const said = this.versionMinor === 0;
    downstream.text(
      forwardedAnswerHead(text, head) + finalFields(chunked, this.closeAfter, said, this.setCookie),
    );
    this.answerBody.start(kind, length, chunked);
    this.stage = stage.answering;
    this.begun = false;
  }

  private passBody(bytes: Buffer, from: number, length: number): void {
    const { answerBody, downstream } = this;
    const upTo = answerBody.done ? from : answerBody.read(bytes, from, length, downstream);
    if (upTo < 0) {
      this.failMalformed();
      return;
    }
    downstream.flush();
    this.begun = true;
    if (answerBody.done) {
      if (upTo < length) this.reusable = false; // bytes that belong to no answer
      this.finish();
    } else this.upstreamPaused = downstream.isBlocked;
  }

  /** A body that breaks the rules: when it came with its head, the client has seen nothing of it yet. */
  private failMalformed(): void {
    if (!this.begun) {
      this.downstream.dropText();
      this.stage = stage.awaiting;
    }
    this.fail("protocol");
  }

  onClientDrain(): void {
    this.progressed = true;
    if (!this.upstreamPaused) return;
    this.upstreamPaused = false;
    this.connection?.resume();
  }

  private finish(): void {
    const nowMs = performance.now();
    const upstream = this.upstream as PooledUpstream;
    const connection = this.connection as UpstreamConnection;
    countAnswer(upstream, this.code, nowMs - this.startedMs);
    upstream.inFlight--;
    const unread = !this.body.done;
    const close = this.closeAfter || unread;
    const reusable =
      this.reusable && !unread && !this.upstreamPaused && connection.socket.writableLength === 0;
    const idleMs = this.idleMs;
    this.clear();
    if (reusable) upstream.release(connection, idleMs, nowMs);
    else connection.discard();
    this.downstream.exchangeDone(close, unread, nowMs);
  }

  /** Nothing of one request outlives it. */
  private clear(): void {
    this.stage = stage.none;
    this.upstream = null;
    this.connection = null;
    this.text = "";
    this.forwarded = "";
    this.target = "";
    this.held = null;
    this.upstreamPaused = false;
    this.body.forgetAll();
  }

  // — It becomes a tunnel

  private switchProtocols(bytes: Buffer, end: number, length: number, head: AnswerHead): void {
    const upstream = this.upstream as PooledUpstream;
    const connection = this.connection as UpstreamConnection;
    if (!this.upgrades || !head.switchesToWebSocket) {
      this.fail("protocol");
      return;
    }
    const { downstream } = this;
    const text = bytes.toString("latin1", head.start, head.end);
    downstream.text(`${forwardedAnswerHead(text, head)}Connection: Upgrade\r\nUpgrade: websocket\r\n`);
    downstream.text(finalFields(false, false, false, this.setCookie) + bytes.toString("latin1", end, length));
    downstream.flush();
    countAnswer(upstream, 101, performance.now() - this.startedMs);
    this.clear();
    const tunnel = new Tunnel(downstream, connection, upstream);
    connection.user = tunnel;
    downstream.startTunnel(tunnel);
  }

  // — What can go wrong: upstream

  onUpstreamEnd(): void {
    if (this.stage === stage.answering && this.answerBody.end(this.downstream)) {
      this.downstream.flush();
      this.finish();
    } else this.fail("reset");
  }

  onUpstreamGone(failure: UpstreamFailure): void {
    this.connection = null;
    this.fail(failure);
  }

  /** The upstream failed this exchange: try again where that is safe, else tell the client. */
  private fail(failure: UpstreamFailure): void {
    const upstream = this.upstream as PooledUpstream;
    const connection = this.connection;
    this.connection = null;
    this.held = null;
    upstream.inFlight--;
    upstream.forget(this);
    connection?.discard();
    const stale = failure === "reset" && this.onReused && !this.heard;
    if (!stale) this.downstream.context.observer.upstreamFailed(upstream, failure);
    if (this.stage === stage.answering) {
      this.truncate(upstream);
      return;
    }
    if (stale && this.mayRepeat(upstream)) {
      this.staleTried = true;
      this.dispatch(upstream, performance.now());
      return;
    }
    const next = this.nextCandidate(upstream, failure);
    if (next === null) {
      this.answerFailed(upstream, failure);
      return;
    }
    upstream.stats.redispatched++;
    this.staleTried = false;
    this.dispatch(next, performance.now());
  }

  /** The upstream had closed an idle connection just before: it did not read the request, so it may have it again. */
  private mayRepeat(upstream: PooledUpstream): boolean {
    return !this.staleTried && !upstream.isRetired && upstream.kind === "replica" && this.maySendAgain;
  }

  private get maySendAgain(): boolean {
    return this.body.pieces !== null && (!this.everSent || isIdempotent(this.method));
  }

  /** What was sent may be sent once more, what was not may try a few: null when this exchange has failed for good. */
  private nextCandidate(upstream: PooledUpstream, failure: UpstreamFailure): PooledUpstream | null {
    if (!this.maySendAgain || failure === "response-timeout") return null;
    if (this.everSent && upstream.kind === "control") return null;
    if (this.sent && ++this.resends > 1) return null;
    this.tried ??= [];
    if (this.tried.push(upstream) > unsentRedispatchesMax) return null;
    const next = this.downstream.context.routing().pick(this, this.tried) as PooledUpstream | null;
    return next === null || next.kind !== upstream.kind ? null : next;
  }

  private truncate(upstream: PooledUpstream): void {
    upstream.stats.truncated++;
    this.clear();
    this.downstream.abort();
  }

  private answerFailed(upstream: PooledUpstream, failure: UpstreamFailure): void {
    if (!this.everSent) {
      this.answerUnavailable();
      return;
    }
    upstream.stats.failed++;
    if (failure === "response-timeout") {
      this.answer(504, failureBody(`${upstream.name} did not answer in time`), "");
    } else {
      const what =
        failure === "protocol"
          ? "sent a malformed answer"
          : "closed the connection before its answer was complete";
      this.answer(502, failureBody(`${upstream.name} ${what}`), "");
    }
  }

  private answerUnavailable(): void {
    const { body, retryAfterS } = this.downstream.context.routing().unavailable(this);
    this.answer(503, body, `Retry-After: ${retryAfterS}\r\n`);
  }

  /** An answer of our own ends the exchange. */
  private answer(status: number, body: string, fields: string): void {
    const unread = !this.body.done;
    const { method, keepAlive } = this;
    this.clear();
    const close = this.downstream.answer(status, body, fields, method, keepAlive && !unread);
    this.downstream.exchangeDone(close, unread, performance.now());
  }

  // — What can go wrong: client

  private refuseBody(status: number, problem: string): void {
    const answering = this.stage === stage.answering;
    this.leaveUpstream();
    if (!answering) {
      this.answer(status, failureBody(problem), "");
      return;
    }
    this.clear();
    this.downstream.abort();
  }

  private leaveUpstream(): void {
    const { upstream, connection } = this;
    this.connection = null;
    if (upstream === null) return;
    upstream.inFlight--;
    upstream.forget(this);
    connection?.discard();
  }

  onClientEnd(): void {
    if (!this.body.done) this.refuseBody(400, "the connection ended in the midst of a request's body");
  }

  /** The client is gone: nobody waits for the answer. */
  abandon(): void {
    if (this.stage === stage.none) return;
    this.leaveUpstream();
    this.clear();
  }

  // — Deadlines, ten times a second

  sweep(nowMs: number): void {
    if (this.progressed) {
      this.progressed = false;
      this.quietSinceMs = nowMs;
      return;
    }
    const { limits } = this.downstream.context;
    const quietMs = nowMs - this.quietSinceMs;
    if (this.stage === stage.connecting) {
      if (quietMs > limits.connectDeadlineMs) this.fail("connect-timeout");
    } else if (this.waitsForClient) {
      if (quietMs > limits.requestIdleMs)
        this.refuseBody(408, `no byte of the body for ${limits.requestIdleMs} ms`);
    } else if (this.stage === stage.awaiting) this.sweepAwaiting(quietMs);
    else if (!this.upstreamPaused && quietMs > limits.responseIdleMs) this.fail("response-timeout");
  }

  private sweepAwaiting(quietMs: number): void {
    const { limits, observer } = this.downstream.context;
    if (quietMs > limits.responseDeadlineMs) {
      this.fail("response-timeout");
      return;
    }
    if (quietMs < silentAfterMs || this.silenceReported) return;
    this.silenceReported = true;
    if (this.upstream !== null) observer.upstreamSilent(this.upstream);
  }

  /** The rest of the body is the client's to send, and the upstream would take it. */
  private get waitsForClient(): boolean {
    return !this.body.done && this.connection?.socket.writableLength === 0;
  }
}

function writePiece(connection: UpstreamConnection, piece: BodyPiece): void {
  if (typeof piece === "string") connection.socket.write(piece, "latin1");
  else connection.socket.write(piece);
}

/** How long to keep a connection whose server closes it after `timeoutS`: a second less, or half. */
function restMs(timeoutS: number): number {
  return timeoutS > 2 ? (timeoutS - 1) * 1000 : timeoutS * 500;
}

function countAnswer(upstream: PooledUpstream, code: number, tookMs: number): void {
  const { stats } = upstream;
  const tookS = tookMs / 1000;
  const at = code - 100;
  stats.answersByCode[at] = (stats.answersByCode[at] as number) + 1;
  stats.latencySumS += tookS;
  let bucket = 0;
  while (bucket < latencyBucketsS.length && tookS > (latencyBucketsS[bucket] as number)) bucket++;
  stats.latencyCounts[bucket] = (stats.latencyCounts[bucket] as number) + 1;
}
