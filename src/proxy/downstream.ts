// One client connection: its requests one after another, pipelined ones held until their turn, and its end. What
// happens to a request is in exchange.ts.
import type { Socket } from "node:net";
import { incomplete, refused } from "../http/fields.ts";
import { ownAnswer } from "../http/own-answer.ts";
import { beginsHttp2 } from "../http/request-line.ts";
import { parseRequestHead } from "../http/request-parser.ts";
import { AnswerRelay } from "./answer-relay.ts";
import { type ClientConnection, type ClientConnectionOwner, drainIdleMs } from "./client-connection.ts";
import { closeClean, Linger, reset } from "./client-ending.ts";
import { ClientInput } from "./client-input.ts";
import { ClientOutput } from "./client-output.ts";
import { phase } from "./client-phase.ts";
import type { ClientSide } from "./client-side.ts";
import { countOwnAnswer, type ProxyContext } from "./context.ts";
import { Exchange } from "./exchange.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { Peer } from "./peer.ts";
import { refusal, refusedTarget } from "./refusal.ts";
import { isAccepted } from "./request-policy.ts";
import { clock } from "./sweep.ts";
import { Tunnel, type TunnelClient } from "./tunnel.ts";
import { afterReads, settleReads, type TurnReader } from "./turn.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";

/** A chunk that may wait for the other reads of its turn; longer ones are looked at at once, so that they can be stopped. */
const unreadBytesMax = 4 * 1024;
/** Pipelined requests held for their turn; beyond it the client is not read. */
const pipelinedBytesMax = 32 * 1024;

export interface DownstreamOwner extends ClientConnectionOwner {
  /** It is an HTTP/2 client's, that began with `bytes`: somebody else's from now on. */
  onHttp2(downstream: Downstream, bytes: Buffer): void;
}

export class Downstream implements ClientConnection, ClientSide, TunnelClient, TurnReader {
  readonly socket: Socket;
  readonly context: ProxyContext;
  readonly peer: Peer;
  readonly out: ClientOutput;
  readonly relay: AnswerRelay;
  index = 0;
  private readonly owner: DownstreamOwner;
  private readonly input: ClientInput;
  private readonly exchange: Exchange;
  private tunnel: Tunnel | null = null;
  private linger: Linger | null = null;
  private phase: number = phase.ready;
  /** The time of the last change that a deadline counts from: accepted, head begun, idle. */
  private sinceMs: number;
  private requests = 0;
  /** A later request's head has begun and is not complete; its deadline counts from its first byte. */
  private headBegun = false;
  /** The head in pieces, or requests that wait for their turn. */
  private held: HeldBytes | null = null;
  private advancing = false;
  /** Something was read in this turn and not looked at yet. */
  private hasUnread = false;
  clientEnded = false;

  constructor(socket: Socket, peer: Peer, context: ProxyContext, owner: DownstreamOwner, nowMs: number) {
    this.socket = socket;
    this.peer = peer;
    this.context = context;
    this.owner = owner;
    this.sinceMs = nowMs;
    this.out = new ClientOutput(socket, context.limits.bufferedBytesMax);
    this.relay = new AnswerRelay(this.out);
    this.exchange = new Exchange(this);
    socket.allowHalfOpen = true;
    this.input = new ClientInput(socket, (chunk) => this.onData(chunk));
    socket.on("end", () => this.onEnd());
    socket.on("drain", () => this.onDrain());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.onClosed());
  }

  // — Bytes from the client

  /** A request waits until everything that has arrived in this turn was read. */
  private onData(chunk: Buffer): void {
    if (this.phase === phase.ready && !this.hasUnread && chunk.length <= unreadBytesMax) {
      this.hasUnread = true;
      afterReads(this, chunk);
      return;
    }
    settleReads();
    if (this.phase === phase.handedOver) this.socket.push(chunk);
    else this.look(chunk);
  }

  readNow(chunk: Buffer): void {
    this.hasUnread = false;
    this.look(chunk);
  }

  private look(chunk: Buffer): void {
    if (this.phase === phase.ready && this.held === null) this.advance(chunk);
    else if (this.phase === phase.exchange && !this.exchange.bodyIsRead) this.readBody(chunk);
    else if (this.phase === phase.tunnel) this.tunnel?.onClientBytes(chunk);
    else if (this.phase === phase.lingering) this.linger?.read(chunk.length);
    else if (this.phase !== phase.closed) this.hold(chunk);
  }

  private hold(chunk: Buffer): void {
    if (this.held === null) this.held = new HeldBytes(chunk, 0, chunk.length);
    else this.held.append(chunk, 0, chunk.length);
    if (this.requestWaits) this.holdBack();
    else if (chunk.includes(10) || this.held.length > this.context.limits.headBytesMax) {
      this.advance(null); // a line is complete, so there is something to parse
    }
  }

  /** Takes up request after request from `chunk`, or from what is held, until one is not answered at once. */
  private advance(chunk: Buffer | null): void {
    if (this.advancing) return;
    this.advancing = true;
    let bytes = chunk;
    let from = 0;
    let source: HeldBytes | null = null;
    while (this.isReady) {
      if (bytes === null && this.held !== null) {
        source = this.held;
        bytes = source.bytes();
        from = 0;
        this.held = null;
      }
      if (bytes === null || from >= bytes.length) break;
      from = this.takeRequest(bytes, from);
      if (from < 0) break;
      if (this.requestWaits && from < bytes.length) {
        source?.drop(from);
        this.held = source ?? new HeldBytes(bytes, from, bytes.length);
      }
      if (this.requestWaits || from >= bytes.length) bytes = null;
    }
    this.advancing = false;
    this.holdBack();
    if (!this.clientEnded) return;
    if (this.isReady) this.endIdle();
    else if (this.phase === phase.exchange) this.exchange.onClientEnd();
  }

  /** No head has begun: the empty line that may precede one, and that old clients send after a body, is none. */
  private get isIdle(): boolean {
    return this.held === null || this.held.isEmptyLine;
  }

  private get isReady(): boolean {
    return this.phase === phase.ready;
  }
  /** What the client sends now is a later request, and not its turn yet. */
  private get requestWaits(): boolean {
    return this.phase === phase.exchange || this.phase === phase.answered;
  }

  /** The offset after what belongs to this request, or −1 when nothing more is to be read for now. */
  private takeRequest(bytes: Buffer, from: number): number {
    const { limits, requestHead: head, stats } = this.context;
    const end = parseRequestHead(bytes, from, bytes.length, limits.headBytesMax, head, this.peer.fields);
    if (end === incomplete) {
      this.held = new HeldBytes(bytes, from, bytes.length);
      this.noteHeadBegun();
      return -1;
    }
    if (end === refused && this.requests === 0 && beginsHttp2(bytes, from)) return this.handOver(bytes);
    if (end === refused || !isAccepted(head, this.context)) {
      this.refuse(head.status, head.problem, head.method, refusedTarget(head, bytes, from));
      return -1;
    }
    stats.requests++;
    this.requests++;
    this.phase = phase.exchange;
    this.headBegun = false;
    return this.exchange.begin(bytes, head, this.context.nowMs());
  }

  private noteHeadBegun(): void {
    if (this.requests === 0 || this.isIdle || this.headBegun) return;
    this.headBegun = true;
    this.sinceMs = this.context.nowMs();
  }

  private handOver(bytes: Buffer): number {
    this.phase = phase.handedOver;
    this.input.leave();
    this.owner.onHttp2(this, bytes);
    return -1;
  }

  private readBody(chunk: Buffer): void {
    const upTo = this.exchange.readBody(chunk, 0);
    if (upTo < 0 || upTo >= chunk.length) return;
    if (this.phase === phase.exchange) this.hold(chunk.subarray(upTo));
    else if (this.phase === phase.ready) this.advance(chunk.subarray(upTo));
  }

  /** Reads no further while much waits for its turn, and reads on when that is done. */
  private holdBack(): void {
    this.input.holdBack(this.held !== null && this.held.length > pipelinedBytesMax);
  }

  pause(): void {
    this.input.pause();
  }

  unpause(): void {
    this.input.resume();
  }

  // — Bytes to the client

  private onDrain(): void {
    if (this.phase === phase.exchange) this.exchange.onClientDrain();
    else if (this.phase === phase.answered) this.takeNext(this.context.nowMs());
    else if (this.phase === phase.tunnel) this.tunnel?.onClientDrain();
  }

  answer(status: number, body: string, fields: string, method: string, keep: boolean, type: string): boolean {
    countOwnAnswer(this.context.stats, status);
    const close = !keep || !this.mayKeep;
    const headOnly = method === "HEAD";
    const text = ownAnswer({ status, body, type, fields, close, headOnly, date: clock.httpDate });
    this.out.bytes(Buffer.from(text));
    return close;
  }

  private refuse(code: number, problem: string, method: string, target: string | null = null): void {
    const { status, body, fields, type } = refusal(this.context, this.peer, code, problem, method, target);
    this.answer(status, body, fields, method, false, type);
    this.lingerClose();
  }

  // — The end of a request, and of the connection

  get mayKeep(): boolean {
    return !this.context.draining && this.requests < this.context.limits.requestsPerConnectionMax;
  }

  exchangeDone(close: boolean, moreComes: boolean, nowMs: number): void {
    if (this.phase !== phase.exchange) return;
    if (close) {
      if (moreComes || this.held !== null) this.lingerClose();
      else this.closeClean();
      return;
    }
    if (this.out.isBlocked) this.phase = phase.answered;
    else this.takeNext(nowMs);
  }

  private takeNext(nowMs: number): void {
    this.phase = phase.ready;
    this.sinceMs = nowMs;
    this.unpause();
    if (this.held !== null || this.clientEnded) this.advance(null);
    if (this.context.draining) this.drain();
  }

  private closeClean(): void {
    this.phase = phase.closed;
    closeClean(this.socket, this.out, this.peer);
  }

  private lingerClose(): void {
    this.held = null;
    if (this.clientEnded) this.closeClean();
    else {
      this.phase = phase.lingering;
      this.out.writeNow();
      this.linger = new Linger(this.socket, this.input, this.context.nowMs());
    }
  }

  cut(framed: boolean): void {
    if (framed) this.lingerClose();
    else {
      this.phase = phase.closed;
      reset(this.socket, this.peer);
    }
  }

  startTunnel(connection: UpstreamConnection, upstream: PooledUpstream): void {
    const tunnel = new Tunnel(this, connection, upstream);
    connection.handOver(tunnel);
    this.phase = phase.tunnel;
    this.out.writeNow();
    this.tunnel = tunnel;
    const early = this.held;
    this.held = null;
    this.holdBack();
    this.unpause();
    if (early !== null) tunnel.onClientBytes(early.bytes());
    if (this.clientEnded) tunnel.onClientEnd();
  }

  private onEnd(): void {
    settleReads();
    this.clientEnded = true;
    if (this.phase === phase.ready) this.endIdle();
    else if (this.phase === phase.exchange) this.exchange.onClientEnd();
    else if (this.phase === phase.tunnel) this.tunnel?.onClientEnd();
    else if (this.phase === phase.lingering) this.linger?.end();
  }

  private endIdle(): void {
    if (!this.isIdle) this.refuse(400, "the connection ended in the midst of a request's head", "");
    else this.closeClean();
  }

  private onClosed(): void {
    settleReads();
    if (this.phase === phase.handedOver) return;
    this.phase = phase.closed;
    this.held = null;
    this.exchange.abandon();
    this.tunnel?.onClientClosed();
    this.owner.onConnectionClosed(this);
  }

  /** Who began a head or was served just now gets an answer; else what still comes is read, and it closes. */
  drain(): void {
    if (this.isReady && this.isIdle && this.context.nowMs() - this.sinceMs >= drainIdleMs) this.lingerClose();
  }

  destroy(): void {
    this.socket.destroy();
  }

  // — Deadlines

  sweep(nowMs: number): void {
    const { limits } = this.context;
    if (this.phase === phase.ready) this.sweepReady(nowMs - this.sinceMs);
    else if (this.phase === phase.exchange) this.exchange.sweep(nowMs);
    else if (this.phase === phase.tunnel) this.tunnel?.sweep(nowMs);
    else if (this.phase === phase.lingering) this.linger?.sweep(nowMs);
    if (this.out.stuckMs(nowMs) > limits.sendIdleMs) this.socket.destroy();
  }

  private sweepReady(quietMs: number): void {
    const { limits } = this.context;
    if (this.requests === 0 || !this.isIdle) {
      if (quietMs > limits.headDeadlineMs) {
        this.refuse(408, `no complete request head within ${limits.headDeadlineMs} ms`, "");
      }
    } else if (quietMs > limits.keepAliveIdleMs) this.closeClean();
    if (this.context.draining) this.drain();
  }
}
