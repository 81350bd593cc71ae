// One HTTP/2 connection (RFC 9113), by Node's own module: its streams, what it may ask of us, and its end. What happens
// to one request is in stream.ts and, as for HTTP/1.1, in exchange.ts.
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { ClientConnection, ClientConnectionOwner } from "../client-connection.ts";
import type { ProxyContext } from "../context.ts";
import type { ProxyLimits } from "../limits.ts";
import type { Peer } from "../peer.ts";
import { sharedReadBytes } from "../read-buffer.ts";
import { Allowance } from "./allowance.ts";
import { Http2Stream, type StreamOwner } from "./stream.ts";

/**
 * What a client may send for one stream, and for all of a connection, before we have taken it. Node acknowledges what
 * it holds for a paused stream to the connection at once, so a connection holds at most streams times the first.
 */
const streamWindowBytes = 64 * 1024;
const connectionWindowBytes = 1024 * 1024;
/** What may wait for the client on all streams; one alone may hold half of what an HTTP/1.1 connection may. */
const unsentBytesMax = 4 * 1024 * 1024;
/** Pseudo-headers, and the crumbs of a cookie, come on top of the fields that are counted. */
const extraPairs = 64;
/** For the client to close its side. */
const lingerMs = 2_000;

export class Http2Connection implements ClientConnection, StreamOwner {
  readonly context: ProxyContext;
  readonly peer: Peer;
  index = 0;
  private readonly socket: Socket;
  private readonly owner: ClientConnectionOwner;
  private readonly session: ServerHttp2Session;
  private readonly streams = new Set<Http2Stream>();
  private readonly allowance: Allowance;
  private requests = 0;
  /** context.nowMs() since when there is no stream. */
  private idleSinceMs: number;
  /** context.nowMs() when it was closed; 0: not yet. */
  private closedSinceMs = 0;

  /** `early`: what was read from the socket already. */
  constructor(
    socket: Socket,
    peer: Peer,
    context: ProxyContext,
    owner: ClientConnectionOwner,
    early: Buffer | null,
  ) {
    this.socket = socket;
    this.peer = peer;
    this.context = context;
    this.owner = owner;
    this.idleSinceMs = context.nowMs();
    this.allowance = new Allowance(context.limits.wastedStreamsMax, context.nowMs());
    socket.on("error", () => this.destroy());
    socket.on("end", () => this.destroy()); // nobody half-closes HTTP/2: the client has left
    socket.on("close", () => this.onClosed());
    if (early !== null) socket.unshift(early);
    this.session = performServerHandshake(socket, sessionOptions(context.limits));
    this.session.setLocalWindowSize(connectionWindowBytes);
    this.session.on(
      "stream",
      (stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, flags: number, raw: string[]) =>
        this.onStream(stream, flags, raw),
    );
    this.session.on("ping", () => this.onWaste());
    this.session.on("remoteSettings", () => this.onWaste());
    this.session.on("error", () => this.destroy());
  }

  private onStream(stream: ServerHttp2Stream, flags: number, list: readonly string[]): void {
    const side = new Http2Stream(stream, this);
    this.streams.add(side);
    this.requests++;
    if (this.requests >= this.context.limits.requestsPerConnectionMax) this.drain();
    side.begin(list, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
  }

  get unsentBytesMax(): number {
    return Math.min(this.context.limits.bufferedBytesMax / 2, unsentBytesMax / this.streams.size);
  }

  onStreamClosed(stream: Http2Stream, wasteful: boolean): void {
    this.streams.delete(stream);
    if (this.streams.size === 0) this.idleSinceMs = this.context.nowMs();
    if (!wasteful) return;
    this.context.stats.streamsWasted++;
    this.onWaste();
  }

  /** It costs us more than the client. */
  private onWaste(): void {
    if (this.closedSinceMs > 0 || this.allowance.take(this.context.nowMs())) return;
    this.context.stats.connectionsWasteful++;
    this.closedSinceMs = this.context.nowMs();
    this.session.destroy(new Error("too much waste"), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  // — The end

  /**
   * GOAWAY names the last stream that is served (RFC 9113 section 6.8): what crosses it on the way was not looked at,
   * and the client may send it again elsewhere. (Node takes no stream after any GOAWAY, so it cannot be announced.)
   */
  drain(): void {
    if (this.closedSinceMs > 0) return;
    this.closedSinceMs = this.context.nowMs();
    if (!this.session.destroyed) this.session.close();
  }

  destroy(): void {
    if (!this.session.destroyed) this.session.destroy();
    this.socket.destroy();
  }

  private onClosed(): void {
    if (!this.session.destroyed) this.session.destroy();
    this.owner.onConnectionClosed(this);
  }

  // — Deadlines

  sweep(nowMs: number): void {
    for (const stream of this.streams) stream.sweep(nowMs);
    if (this.closedSinceMs > 0) this.sweepClosed(nowMs);
    else if (this.streams.size === 0) this.sweepIdle(nowMs);
  }

  private sweepClosed(nowMs: number): void {
    if (this.streams.size > 0) this.closedSinceMs = nowMs;
    else if (nowMs - this.closedSinceMs > lingerMs) this.socket.destroy();
  }

  private sweepIdle(nowMs: number): void {
    const { limits } = this.context;
    const quietMs = nowMs - this.idleSinceMs;
    if (quietMs > (this.requests === 0 ? limits.headDeadlineMs : limits.keepAliveIdleMs)) this.drain();
  }
}

function sessionOptions(limits: ProxyLimits) {
  return {
    // In MB. Beyond it Node refuses streams: it must never meet what the limits above allow.
    maxSessionMemory: 8 + Math.ceil((limits.streamsMax * (streamWindowBytes + 2 * sharedReadBytes)) / 1e6),
    maxHeaderListPairs: limits.headerCountMax + extraPairs,
    maxSettings: 32,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxSendHeaderBlockLength: 4 * limits.answerHeadBytesMax,
    settings: {
      maxConcurrentStreams: limits.streamsMax,
      initialWindowSize: streamWindowBytes,
      // RFC 9113 section 6.5.2: each field counts 32 more; what is beyond is reset, what is near gets a 431.
      maxHeaderListSize: limits.headBytesMax + 32 * (limits.headerCountMax + extraPairs),
    },
  };
}
