// One client connection: its requests one after another, pipelined ones held until their turn, and its end. What
// happens to a request is in exchange.ts.
import type { Socket } from "node:net";
import { field, incomplete, refused } from "../http/fields.ts";
import { failureBody, ownAnswer } from "../http/own-answer.ts";
import { parseRequestHead, type RequestHead } from "../http/request-head.ts";
import { ClientInput } from "./client-input.ts";
import { ClientOutput } from "./client-output.ts";
import type { ClientSide } from "./client-side.ts";
import { countOwnAnswer, type ProxyContext } from "./context.ts";
import { Exchange } from "./exchange.ts";
import type { Peer } from "./forwarded-request.ts";
import { HeldBytes } from "./held-bytes.ts";
import { clock } from "./sweep.ts";
import type { Tunnel } from "./tunnel.ts";

/** Where a client connection is in its life. */
const phase = {
  /** Between requests, or in the midst of a head. */
  ready: 0,
  exchange: 1,
  tunnel: 2,
  /** Our last word is said; what the client still sends is thrown away, so that it can read that word. */
  lingering: 3,
  closed: 4,
} as const;

/** Pipelined requests held for their turn; beyond it the client is not read. */
const pipelinedBytesMax = 32 * 1024;
const lingerMs = 2_000;
const lingerBytesMax = 1024 * 1024;

/** Told when a connection is gone. */
export interface DownstreamOwner {
  onDownstreamClosed(downstream: Downstream): void;
}

export class Downstream implements ClientSide {
  readonly socket: Socket;
  readonly context: ProxyContext;
  readonly peer: Peer;
  readonly out: ClientOutput;
  /** Its place in its owner's list. */
  index = 0;
  private readonly owner: DownstreamOwner;
  private readonly input: ClientInput;
  private readonly exchange: Exchange;
  private tunnel: Tunnel | null = null;
  private phase: number = phase.ready;
  /** performance.now() of the last change that a deadline counts from: accepted, head begun, idle, lingering. */
  private sinceMs: number;
  private requests = 0;
  /** A later request's head has begun and is not complete; its deadline counts from its first byte. */
  private headBegun = false;
  /** The head in pieces, or requests that wait for their turn. */
  private held: HeldBytes | null = null;
  private advancing = false;
  /** The client will send no more (FIN). */
  private ended = false;
  private lingeredBytes = 0;

  constructor(socket: Socket, peer: Peer, context: ProxyContext, owner: DownstreamOwner, nowMs: number) {
    this.socket = socket;
    this.peer = peer;
    this.context = context;
    this.owner = owner;
    this.sinceMs = nowMs;
    this.out = new ClientOutput(socket, context.limits.bufferedBytesMax);
    this.exchange = new Exchange(this);
    socket.allowHalfOpen = true;
    this.input = new ClientInput(socket, (chunk) => this.onData(chunk));
    socket.on("end", () => this.onEnd());
    socket.on("drain", () => this.onDrain());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.onClosed());
  }

  // — Bytes from the client

  private onData(chunk: Buffer): void {
    if (this.isReady && this.held === null) this.advance(chunk);
    else if (this.phase === phase.exchange && !this.exchange.bodyIsRead) this.readBody(chunk);
    else if (this.phase === phase.tunnel) this.tunnel?.onClientBytes(chunk);
    else if (this.phase === phase.lingering) this.linger(chunk.length);
    else if (this.phase !== phase.closed) this.hold(chunk);
  }

  private hold(chunk: Buffer): void {
    if (this.held === null) this.held = new HeldBytes(chunk, 0, chunk.length);
    else this.held.append(chunk, 0, chunk.length);
    if (!this.isReady) {
      if (this.held.length > pipelinedBytesMax) this.pause();
    } else if (chunk.includes(10) || this.held.length > this.context.limits.headBytesMax) {
      this.advance(null); // a line is complete, so there is something to parse
    }
  }

  /** Takes up request after request from `chunk`, or from what is held, until one is not answered at once. */
  private advance(chunk: Buffer | null): void {
    if (this.advancing) return;
    this.advancing = true;
    let bytes = chunk;
    let from = 0;
    while (this.isReady) {
      if (bytes === null && this.held !== null) {
        bytes = this.held.bytes();
        from = 0;
        this.held = null;
        this.unpause();
      }
      if (bytes === null || from >= bytes.length) break;
      from = this.takeRequest(bytes, from);
      if (from < 0) break;
      if (this.phase === phase.exchange && from < bytes.length)
        this.held = new HeldBytes(bytes, from, bytes.length);
      if (this.phase === phase.exchange || from >= bytes.length) bytes = null;
    }
    this.advancing = false;
    if (this.phase === phase.ready && bytes !== null && from >= 0 && from < bytes.length)
      this.held = new HeldBytes(bytes, from, bytes.length);
    if (!this.ended) return;
    if (this.phase === phase.ready) this.endIdle();
    else if (this.phase === phase.exchange) this.exchange.onClientEnd();
  }

  /** For the next request: not while the client does not take the answers it has asked for. */
  private get isReady(): boolean {
    return this.phase === phase.ready && !this.out.isBlocked;
  }

  /** The offset after what belongs to this request, or −1 when nothing more is to be read for now. */
  private takeRequest(bytes: Buffer, from: number): number {
    const { limits, requestHead, stats } = this.context;
    const end = parseRequestHead(bytes, from, bytes.length, limits.headBytesMax, requestHead);
    if (end === incomplete) {
      if (this.requests > 0) this.beginDeadline();
      this.held = new HeldBytes(bytes, from, bytes.length);
      return -1;
    }
    if (end === refused || !this.accepts(requestHead)) {
      this.refuse(requestHead.status, requestHead.problem, requestHead.method);
      return -1;
    }
    stats.requests++;
    this.requests++;
    this.phase = phase.exchange;
    this.headBegun = false;
    return this.exchange.begin(bytes, requestHead, performance.now());
  }

  private beginDeadline(): void {
    if (this.headBegun) return;
    this.headBegun = true;
    this.sinceMs = performance.now();
  }

  /** What the parser leaves to policy; a request whose Max-Forwards says so ends here. */
  private accepts(head: RequestHead): boolean {
    const { policy, limits } = this.context;
    if (policy.underscoreNames === "refuse" && hasUnderscoreName(head)) {
      head.status = 400;
      head.problem = "`_` in a field name";
      return false;
    }
    if (head.maxForwards === 0) {
      head.status = head.method === "OPTIONS" ? 204 : 405;
      head.problem = "TRACE is not answered here";
      return false;
    }
    if (head.body.length <= limits.requestBytesMax) return true;
    head.status = 413;
    head.problem = `a body of ${head.body.length} bytes; at most ${limits.requestBytesMax} are accepted`;
    return false;
  }

  private readBody(chunk: Buffer): void {
    const upTo = this.exchange.readBody(chunk, 0);
    if (upTo < 0 || upTo >= chunk.length) return;
    if (this.phase === phase.exchange) this.hold(chunk.subarray(upTo));
    else if (this.phase === phase.ready) this.advance(chunk.subarray(upTo));
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
    else if (this.phase === phase.tunnel) this.tunnel?.onClientDrain();
    else if (this.phase === phase.ready && this.held !== null) {
      this.sinceMs = performance.now();
      this.advance(null);
    }
  }

  /** An answer of our own. Closes afterwards unless the request was read whole and `keep` is true. */
  answer(status: number, body: string, fields: string, method: string, keep: boolean): boolean {
    countOwnAnswer(this.context.stats, status);
    const close = !keep || !this.mayKeep;
    const headOnly = method === "HEAD";
    this.out.writeNow();
    this.socket.write(ownAnswer({ status, body, fields, close, headOnly, date: clock.httpDate }));
    return close;
  }

  private refuse(status: number, problem: string, method: string): void {
    const fields =
      status === 405 || status === 204 ? "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n" : "";
    this.answer(
      status,
      status === 204 ? "" : failureBody(problem),
      fields,
      status === 400 ? "" : method,
      false,
    );
    this.lingerClose();
  }

  // — The end of a request, and of the connection

  /** The connection may serve another request after this one. */
  get mayKeep(): boolean {
    return !this.context.draining && this.requests < this.context.limits.requestsPerConnectionMax;
  }

  get clientEnded(): boolean {
    return this.ended;
  }

  /** The exchange is over. `unread`: part of its request may still be on its way. */
  exchangeDone(close: boolean, unread: boolean, nowMs: number): void {
    if (this.phase !== phase.exchange) return;
    if (close) {
      if (unread || this.held !== null) this.lingerClose();
      else this.closeClean();
      return;
    }
    this.phase = phase.ready;
    this.sinceMs = nowMs;
    this.unpause();
    if (this.held !== null || this.ended) this.advance(null);
  }

  /** Everything was read and answered: close once it is sent. Closing sends the FIN, of TLS only ending the alert. */
  private closeClean(): void {
    this.phase = phase.closed;
    this.out.writeNow();
    if (this.peer.proto === "http" && this.socket.writableLength === 0) this.socket.destroy();
    else this.socket.destroySoon();
  }

  private lingerClose(): void {
    this.held = null;
    if (this.ended) {
      this.closeClean();
      return;
    }
    this.phase = phase.lingering;
    this.sinceMs = performance.now();
    this.out.writeNow();
    this.socket.end();
    this.input.readOn();
  }

  private linger(bytes: number): void {
    this.lingeredBytes += bytes;
    if (this.lingeredBytes > lingerBytesMax) this.socket.destroy();
  }

  /** Cuts the connection so that the client cannot take what it got for whole. */
  abort(): void {
    this.phase = phase.closed;
    if (this.peer.proto === "http" && this.socket.remoteAddress !== undefined) this.socket.resetAndDestroy();
    else this.socket.destroy(); // only a bare TCP socket can be reset
  }

  /** From now on `tunnel` has the connection; it gets what the client sent too early. */
  startTunnel(tunnel: Tunnel): void {
    this.phase = phase.tunnel;
    this.out.writeNow();
    this.tunnel = tunnel;
    const early = this.held;
    this.held = null;
    this.unpause();
    if (early !== null) tunnel.onClientBytes(early.bytes());
  }

  private onEnd(): void {
    this.ended = true;
    if (this.phase === phase.ready) this.endIdle();
    else if (this.phase === phase.exchange) this.exchange.onClientEnd();
    else if (this.phase === phase.tunnel) this.tunnel?.onClientEnd();
    else if (this.phase === phase.lingering) this.socket.destroySoon();
  }

  private endIdle(): void {
    if (this.held !== null && this.out.isBlocked) return; // what is held comes to its turn
    if (this.held !== null) this.refuse(400, "the connection ended in the midst of a request's head", "");
    else this.closeClean();
  }

  private onClosed(): void {
    this.phase = phase.closed;
    this.held = null;
    this.exchange.abandon();
    this.tunnel?.onClientClosed();
    this.owner.onDownstreamClosed(this);
  }

  /** No further request: close now if idle, else after the answer. */
  drain(): void {
    if (this.phase === phase.ready) this.closeClean();
  }

  destroy(): void {
    this.socket.destroy();
  }

  // — Deadlines

  sweep(nowMs: number): void {
    const { limits } = this.context;
    const quietMs = nowMs - this.sinceMs;
    if (this.phase === phase.ready) this.sweepReady(quietMs);
    else if (this.phase === phase.exchange) this.exchange.sweep(nowMs);
    else if (this.phase === phase.tunnel) this.tunnel?.sweep(nowMs, limits.tunnelIdleMs);
    else if (quietMs > lingerMs && this.phase === phase.lingering) this.socket.destroy();
    if (this.out.stuckMs(nowMs) > limits.sendIdleMs) this.socket.destroy();
  }

  private sweepReady(quietMs: number): void {
    const { limits } = this.context;
    if (this.out.isBlocked) return; // it is the client that keeps us waiting
    if (this.requests === 0 || this.held !== null) {
      if (quietMs > limits.headDeadlineMs) {
        this.refuse(408, `no complete request head within ${limits.headDeadlineMs} ms`, "");
      }
    } else if (quietMs > limits.keepAliveIdleMs) this.closeClean();
  }
}

function hasUnderscoreName(head: RequestHead): boolean {
  return head.fields.id.subarray(0, head.fields.count).includes(field.underscore);
}
