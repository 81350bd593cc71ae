// One HTTP/2 stream as the client's side of an exchange: its header list becomes an HTTP/1.1 head, its DATA the body
// behind it; the answer's way back is stream-relay.ts. The connection around it is connection.ts.
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { refused } from "../../http/fields.ts";
import { http2RequestHead, http2Trailer } from "../../http/http2-head.ts";
import { parseRequestHead } from "../../http/request-parser.ts";
import type { ClientSide } from "../client-side.ts";
import { countOwnAnswer, type ProxyContext } from "../context.ts";
import { Exchange } from "../exchange.ts";
import type { Peer } from "../peer.ts";
import { refusal, refusedTarget } from "../refusal.ts";
import { isAccepted } from "../request-policy.ts";
import { isOpen, StreamRelay } from "./stream-relay.ts";

/** The connection that the stream is on. */
export interface StreamOwner {
  readonly context: ProxyContext;
  readonly peer: Peer;
  /** What may wait for the client on one stream before no more is read for it. */
  readonly unsentBytesMax: number;
  /** `wasteful`: it was malformed, or reset by the client before it was answered. */
  onStreamClosed(stream: Http2Stream, wasteful: boolean): void;
}

/** For a stream to end after all was said: where nghttp2 has given up its connection, it does not end by itself. */
const endMs = 2_000;
const lineEnd = Buffer.from("\r\n");

export class Http2Stream implements ClientSide {
  readonly context: ProxyContext;
  readonly peer: Peer;
  readonly relay: StreamRelay;
  readonly out: { readonly isBlocked: boolean; readonly holdsLent: boolean };
  readonly mayKeep = true;
  readonly clientEnded = false;
  private readonly owner: StreamOwner;
  private readonly stream: ServerHttp2Stream;
  private readonly exchange: Exchange;
  /** Its exchange has begun and is not over. */
  private busy = false;
  private malformed = false;
  private chunked = false;
  private trailer: string | null = "";
  /** What waited for the client at the last sweep, and since when that has not changed. */
  private unsentBytes = 0;
  private unsentSinceMs = 0;

  constructor(stream: ServerHttp2Stream, owner: StreamOwner) {
    this.stream = stream;
    this.owner = owner;
    this.context = owner.context;
    this.peer = owner.peer;
    this.relay = new StreamRelay(stream);
    this.out = {
      get isBlocked() {
        // Without `drain` to come (Node's mark may lie above ours) nobody would ever say that it is over.
        return stream.writableNeedDrain && stream.writableLength > owner.unsentBytesMax;
      },
      holdsLent: false,
    };
    this.exchange = new Exchange(this);
    stream.on("error", () => {}); // `close` follows, and says all there is to know
    stream.on("close", () => this.onClosed());
  }

  // — The request

  /** `list`: names and values in turn, as they came. */
  begin(list: readonly string[], ends: boolean): void {
    const { stream, context } = this;
    const { requestHead, limits, stats } = context;
    const request = http2RequestHead(list, ends);
    if ("problem" in request) {
      if (request.status === 0) this.refuseMalformed();
      else this.refuse(request.status, request.problem, "");
      return;
    }
    const bytes = Buffer.from(request.text, "latin1");
    const end = parseRequestHead(bytes, 0, bytes.length, limits.headBytesMax, requestHead, this.peer.fields);
    if (end === refused || !isAccepted(requestHead, context)) {
      const target = refusedTarget(requestHead, bytes, 0);
      this.refuse(requestHead.status, requestHead.problem, requestHead.method, target);
      return;
    }
    stats.requests++;
    this.busy = true;
    this.chunked = request.chunked;
    if (!ends) {
      stream.on("data", (chunk: Buffer) => this.onData(chunk));
      stream.on("trailers", (_headers: IncomingHttpHeaders, _flags: number, raw?: string[]) => {
        this.trailer = http2Trailer(raw ?? []);
      });
      stream.on("end", () => this.onEnd());
    } else stream.resume();
    stream.on("drain", () => this.onDrain());
    this.exchange.begin(bytes, requestHead, this.context.nowMs());
  }

  private get owesBody(): boolean {
    return this.busy && !this.exchange.bodyIsRead;
  }

  private onData(chunk: Buffer): void {
    if (!this.owesBody || chunk.length === 0) return;
    if (!this.chunked) {
      this.exchange.readBody(chunk, 0);
      return;
    }
    if (this.exchange.readBody(Buffer.from(`${chunk.length.toString(16)}\r\n`, "latin1"), 0) < 0) return;
    if (this.exchange.readBody(chunk, 0) >= 0) this.exchange.readBody(lineEnd, 0);
  }

  private onEnd(): void {
    if (!this.owesBody) return;
    if (!this.chunked)
      this.exchange.onClientEnd(); // shorter than its length: Node resets such a stream itself
    else if (this.trailer === null) this.refuseMalformed();
    else this.exchange.readBody(Buffer.from(`0\r\n${this.trailer}\r\n`, "latin1"), 0);
  }

  /** What is not read is not granted anew to the client: it may send one window more. */
  pause(): void {
    this.stream.pause();
  }

  unpause(): void {
    this.stream.resume();
  }

  // — The answer

  private onDrain(): void {
    if (this.busy) this.exchange.onClientDrain();
  }

  answer(
    status: number,
    body: string,
    fields: string,
    method: string,
    _keep: boolean,
    type: string,
  ): boolean {
    const { stream } = this;
    countOwnAnswer(this.context.stats, status);
    if (!isOpen(stream)) return false;
    const headers: Record<string, string | number> = { ":status": status };
    for (const line of fields.split("\r\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 2);
    }
    if (status !== 204) {
      headers["content-type"] = type;
      headers["content-length"] = Buffer.byteLength(body);
    }
    const bare = status === 204 || method === "HEAD";
    stream.respond(headers, { endStream: bare });
    if (!bare) stream.end(body);
    return false;
  }

  /** RFC 9113 section 8.1.1. */
  private refuseMalformed(): void {
    this.malformed = true;
    this.reset(constants.NGHTTP2_PROTOCOL_ERROR);
  }

  private refuse(code: number, problem: string, method: string, target: string | null = null): void {
    const { status, body, fields, type } = refusal(this.context, this.peer, code, problem, method, target);
    this.answer(status, body, fields, code === 400 ? "" : method, false, type);
    this.done(true);
  }

  exchangeDone(): void {
    this.busy = false;
    this.done(!this.exchange.bodyIsRead);
  }

  /** RFC 9113 section 8.1: a complete answer, and then, where the request is not complete, a reset without an error. */
  private done(unread: boolean): void {
    const { stream } = this;
    if (!isOpen(stream)) return;
    stream.resume();
    if (!unread) return;
    const close = () => this.reset(constants.NGHTTP2_NO_ERROR);
    // A reset throws away what nghttp2 has not written, and it writes when this turn is over.
    if (this.relay.waitsForTrailer) stream.once("wantTrailers", () => setImmediate(close));
    else close();
  }

  // — The end

  cut(): void {
    this.busy = false; // no fault of the client's
    this.reset(constants.NGHTTP2_INTERNAL_ERROR);
  }

  destroy(): void {
    this.reset(constants.NGHTTP2_CANCEL);
  }

  private reset(code: number): void {
    const { stream } = this;
    if (isOpen(stream)) stream.close(code);
  }

  /** Never: see {@link StreamRelay.switching}. */
  startTunnel(): void {}

  private onClosed(): void {
    const { busy } = this;
    this.busy = false;
    if (busy) this.exchange.abandon();
    this.owner.onStreamClosed(this, busy || this.malformed);
  }

  sweep(nowMs: number): void {
    if (this.busy) this.exchange.sweep(nowMs);
    const unsent = this.stream.writableLength;
    if ((unsent === 0 && this.busy) || unsent !== this.unsentBytes) {
      this.unsentBytes = unsent;
      this.unsentSinceMs = nowMs;
    } else if (nowMs - this.unsentSinceMs > (unsent === 0 ? endMs : this.context.limits.sendIdleMs))
      this.stream.destroy();
  }
}
