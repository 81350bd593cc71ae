// One client connection of a broker's listener: its requests one after another, each read whole, served and answered
// before the next one is taken up. What a request means is the service's. The proxy's connections stream and forward
// (proxy/downstream.ts); these keep and answer, and share its input, output and clock.
//
//   ready ──head──▶ body ──whole──▶ serving ──answer──▶ ready …
//     └────────────── refused, or the last one ──────────▶ lingering ▶ closed
import type { Socket } from "node:net";
import { incomplete, refused } from "../../http/fields.ts";
import { framing } from "../../http/framing.ts";
import type { RequestHead } from "../../http/request-head.ts";
import { parseRequestHead } from "../../http/request-parser.ts";
import { drainIdleMs } from "../../proxy/client-connection.ts";
import { Linger } from "../../proxy/client-ending.ts";
import { ClientInput } from "../../proxy/client-input.ts";
import { ClientOutput } from "../../proxy/client-output.ts";
import { HeldBytes } from "../../proxy/held-bytes.ts";
import { giveBack } from "../reused-memory.ts";
import { type ConnectionField, putAnswer } from "./answer-text.ts";
import { BodyIntake } from "./body-intake.ts";
import { ReadRequest } from "./read-request.ts";
import type { Answer, WireLimits, WireService } from "./service.ts";

const phase = { ready: 0, body: 1, serving: 2, blocked: 3, lingering: 4, closed: 5 } as const;

/** Pipelined requests held for their turn; beyond it the client is not read. */
const pipelinedBytesMax = 64 * 1024;
/** Of answers that wait for the client. */
const outputBytesMax = 1024 * 1024;

/** What all connections of a listener share. */
export interface ConnectionHost {
  readonly service: WireService;
  readonly limits: WireLimits;
  /** The head being parsed; what is needed longer is copied at once. */
  readonly head: RequestHead;
  /** Bytes of all bodies that are held now. */
  bodiesBytes: number;
  draining: boolean;
  onRequest(): void;
  onClosed(connection: Connection): void;
}

export class Connection {
  /** Its place in its listener's list. */
  index = 0;
  private readonly socket: Socket;
  private readonly host: ConnectionHost;
  private readonly input: ClientInput;
  private readonly out: ClientOutput;
  private readonly intake: BodyIntake;
  private phase: number = phase.ready;
  /** performance.now() of what a deadline counts from: accepted, head begun, last body byte, idle. */
  private sinceMs: number;
  private bodySinceMs = 0;
  /** The head is on its way, or it is the connection's first: it has a deadline. */
  private headBegun = true;
  /** A head in pieces, or requests that wait for their turn. */
  private held: HeldBytes | null = null;
  private request: ReadRequest | null = null;
  private keep = true;
  private toldKept: ConnectionField = "";
  /** What this connection has put into `host.bodiesBytes`. */
  private bodyBytes = 0;
  private advancing = false;
  private ended = false;
  private linger: Linger | null = null;

  constructor(socket: Socket, host: ConnectionHost, nowMs: number) {
    this.socket = socket;
    this.host = host;
    this.sinceMs = nowMs;
    this.intake = new BodyIntake(host.limits.bodyBytesMax);
    this.out = new ClientOutput(socket, outputBytesMax);
    this.input = new ClientInput(socket, (chunk) => this.onData(chunk));
    socket.on("end", () => this.onEnd());
    socket.on("drain", () => this.onDrain());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.onClosed());
  }

  // — Bytes from the client

  private onData(chunk: Buffer): void {
    if (this.phase === phase.ready && this.held === null) this.advance(chunk, 0);
    else if (this.phase === phase.body) this.advance(chunk, 0);
    else if (this.phase === phase.lingering) this.linger?.read(chunk.length);
    else if (this.phase !== phase.closed) this.hold(chunk);
  }

  private hold(chunk: Buffer): void {
    if (this.held === null) this.held = new HeldBytes(chunk, 0, chunk.length);
    else this.held.append(chunk, 0, chunk.length);
    if (this.phase !== phase.ready) this.holdBack();
    else if (chunk.includes(10) || this.held.length > this.host.limits.headBytesMax) this.advance(null, 0);
  }

  private holdBack(): void {
    this.input.holdBack(this.held !== null && this.held.length > pipelinedBytesMax);
  }

  /** Takes up request after request from `chunk`, or from what is held, until one has to wait. */
  private advance(chunk: Buffer | null, start: number): void {
    if (this.advancing) return;
    this.advancing = true;
    let bytes = chunk;
    let from = start;
    while (this.phase === phase.ready || this.phase === phase.body) {
      if (bytes === null && this.held !== null) {
        bytes = this.held.bytes();
        from = 0;
        this.held = null;
      }
      if (bytes === null || from >= bytes.length) break;
      from = this.phase === phase.body ? this.readBody(bytes, from) : this.takeHead(bytes, from);
      if (from < 0) break;
    }
    if (bytes !== null && from >= 0 && from < bytes.length) this.keepRest(bytes, from);
    this.advancing = false;
    this.holdBack();
    if (this.ended && this.phase <= phase.body) this.endEarly();
  }

  private keepRest(bytes: Buffer, from: number): void {
    if (this.phase === phase.serving || this.phase === phase.blocked)
      this.held = new HeldBytes(bytes, from, bytes.length);
  }

  /** The offset after the head, or −1 when nothing more is to be read for now. */
  private takeHead(bytes: Buffer, from: number): number {
    const { head, limits } = this.host;
    const end = parseRequestHead(bytes, from, bytes.length, limits.headBytesMax, head);
    if (end === incomplete) {
      this.held = new HeldBytes(bytes, from, bytes.length);
      if (!this.headBegun && !this.held.isEmptyLine) {
        this.headBegun = true;
        this.sinceMs = performance.now();
      }
      return -1;
    }
    if (end === refused) {
      this.refuse(targetIn(bytes, from), head.status, head.problem);
      return -1;
    }
    this.headBegun = false;
    this.host.onRequest();
    return this.begin(bytes, head) ? end : -1;
  }

  private begin(bytes: Buffer, head: RequestHead): boolean {
    const { connection, body } = head;
    this.keep = head.versionMinor === 1 ? !connection.close : connection.keepAlive;
    this.toldKept = head.versionMinor === 1 ? "" : "Connection: keep-alive\r\n";
    const request = new ReadRequest(bytes, head);
    this.request = request;
    if (head.method === "TRACE" || request.path === "*")
      return this.refuseRequest(405, "only paths are served here");
    if (body.kind === framing.none) {
      this.phase = phase.serving;
      this.serve(request);
      return true;
    }
    if (!this.intake.begin(body)) return this.refuseRequest(this.intake.status, this.intake.problem);
    if (!this.countBody()) return this.refuseRequest(503, "too many bodies are being read; retry");
    this.phase = phase.body;
    this.sinceMs = performance.now();
    this.bodySinceMs = this.sinceMs;
    if (head.expectsContinue) {
      this.out.text("HTTP/1.1 100 Continue\r\n\r\n");
      this.out.flush();
    }
    return true;
  }

  /** Enters what the body takes into the listener's account. False: there is no room for it. */
  private countBody(): boolean {
    const added = this.intake.bytes - this.bodyBytes;
    if (added > 0 && this.host.bodiesBytes + added > this.host.limits.bodiesBytesMax) return false;
    this.bodyBytes += added;
    this.host.bodiesBytes += added;
    return true;
  }

  private readBody(bytes: Buffer, from: number): number {
    const upTo = this.intake.read(bytes, from);
    if (upTo < 0) this.refuseRequest(this.intake.status, this.intake.problem);
    else if (!this.countBody()) this.refuseRequest(503, "too many bodies are being read; retry");
    else if (this.intake.isComplete) {
      const request = this.request as ReadRequest;
      request.body = this.intake.take();
      this.phase = phase.serving;
      this.serve(request);
    } else this.sinceMs = performance.now();
    return this.phase === phase.lingering || this.phase === phase.closed ? -1 : upTo;
  }

  // — Answers

  private serve(request: ReadRequest): void {
    const answer = this.host.service.serve(request);
    if (answer instanceof Promise) answer.then((settled) => this.answered(request, settled));
    else this.answered(request, answer);
  }

  private answered(request: ReadRequest, answer: Answer): void {
    if (this.request !== request || this.phase !== phase.serving) return; // the client has left
    this.request = null;
    this.forgetBody();
    if (answer.status === 200) giveBack(request.body);
    const close = !this.keep || this.host.draining || (this.ended && this.held === null);
    const field = close ? "Connection: close\r\n" : this.toldKept;
    putAnswer(this.out, answer, field, request.method === "HEAD");
    if (close) this.closeAfterAnswer();
    else if (this.out.isBlocked) this.phase = phase.blocked;
    else this.takeNext();
  }

  private takeNext(): void {
    this.phase = phase.ready;
    this.sinceMs = performance.now();
    if (this.held !== null || this.ended) this.advance(null, 0);
  }

  private onDrain(): void {
    if (this.phase === phase.blocked && !this.out.isBlocked) this.takeNext();
  }

  private forgetBody(): void {
    this.host.bodiesBytes -= this.bodyBytes;
    this.bodyBytes = 0;
  }

  private refuseRequest(status: number, detail: string): false {
    const { request } = this;
    this.request = null;
    const target =
      request === null ? "" : `${request.path}${request.query === "" ? "" : `?${request.query}`}`;
    this.refuse(target, status, detail, request?.method === "HEAD");
    return false;
  }

  private refuse(target: string, status: number, detail: string, headOnly = false): void {
    this.forgetBody();
    const answer = this.host.service.refuse(target, status, detail);
    putAnswer(this.out, answer, "Connection: close\r\n", headOnly);
    this.held = null;
    this.lingerClose();
  }

  // — The end

  private closeAfterAnswer(): void {
    if (this.held !== null) this.lingerClose();
    else this.closeClean();
  }

  private closeClean(): void {
    this.phase = phase.closed;
    this.out.writeNow();
    this.socket.destroySoon();
  }

  private lingerClose(): void {
    this.held = null;
    if (this.ended) {
      this.closeClean();
      return;
    }
    this.phase = phase.lingering;
    this.out.writeNow();
    this.linger = new Linger(this.socket, this.input, performance.now());
  }

  private onEnd(): void {
    this.ended = true;
    if (this.phase <= phase.body) this.endEarly();
    else if (this.phase === phase.lingering) this.linger?.end();
    else this.request?.waitNoLonger();
  }

  /** The client sends no more, and what it has sent is no whole request. */
  private endEarly(): void {
    if (this.phase === phase.body) this.refuseRequest(400, "the connection ended in the midst of a body");
    else if (this.held !== null && !this.held.isEmptyLine)
      this.refuse("", 400, "the connection ended in the midst of a request's head");
    else this.closeClean();
  }

  private onClosed(): void {
    this.phase = phase.closed;
    this.held = null;
    this.forgetBody();
    this.request?.waitNoLonger();
    this.request = null;
    this.host.onClosed(this);
  }

  /** No further request. Who was served just now may have sent its next one and gets an answer; else it closes. */
  drain(): void {
    const isIdle = this.phase === phase.ready && this.held === null;
    if (isIdle && performance.now() - this.sinceMs >= drainIdleMs) this.lingerClose();
  }

  destroy(): void {
    this.socket.destroy();
  }

  sweep(nowMs: number): void {
    const { limits } = this.host;
    if (this.host.draining) this.drain();
    const quietMs = nowMs - this.sinceMs;
    if (this.phase === phase.ready) this.sweepReady(quietMs);
    else if (this.phase === phase.body) this.sweepBody(nowMs, quietMs);
    else if (this.phase === phase.lingering) this.linger?.sweep(nowMs);
    if (this.out.stuckMs(nowMs) > limits.sendIdleMs) this.socket.destroy();
  }

  private sweepBody(nowMs: number, quietMs: number): void {
    const { bodyIdleMs, bodyDeadlineMs } = this.host.limits;
    if (quietMs > bodyIdleMs) this.refuseRequest(408, `no byte of the body within ${bodyIdleMs} ms`);
    else if (nowMs - this.bodySinceMs > bodyDeadlineMs)
      this.refuseRequest(408, `no whole body within ${bodyDeadlineMs} ms`);
  }

  private sweepReady(quietMs: number): void {
    const { headDeadlineMs, keepAliveIdleMs } = this.host.limits;
    if (this.headBegun) {
      if (quietMs > headDeadlineMs)
        this.refuse("", 408, `no complete request head within ${headDeadlineMs} ms`);
    } else if (quietMs > keepAliveIdleMs) this.closeClean();
  }
}

/** The target of a refused head as far as it can be made out: some paths have a form of refusal of their own. */
function targetIn(bytes: Buffer, from: number): string {
  const line = bytes.toString("latin1", from, from + 2048).split("\r", 1)[0] ?? "";
  const target = line.split(" ", 2)[1] ?? "";
  return target.startsWith("/") ? target : "";
}
