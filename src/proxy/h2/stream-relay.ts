// An answer on its way to an HTTP/2 client: what answer-relay.ts is for HTTP/1.1. The head waits until the body that
// came with it has been read, so that a malformed one can still be taken back, and a short answer is one write.
import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { AnswerHead } from "../../http/answer-head.ts";
import { field } from "../../http/fields.ts";
import { framing } from "../../http/framing.ts";
import { AnswerBody, type BodyOutput } from "../answer-body.ts";
import type { AnswerIntake } from "../answer-intake.ts";
import { relay } from "../answer-relay.ts";
import type { ClientRequest } from "../client-request.ts";
import type { ClientRelay } from "../client-side.ts";
import { leftOutOfAnswers } from "../header-policy.ts";

const noHeaders: OutgoingHttpHeaders = {};
/** RFC 9110 section 15 knows no others; here they cannot be sent. */
const codeMax = 599;

export class StreamRelay implements ClientRelay, BodyOutput {
  readonly recallsHeads = false;
  code = 0;
  readonly closes = false;
  /** A stream's end is its own, whatever the upstream's was. */
  readonly isFramed = true;
  persistent = false;
  keepAliveTimeoutS = -1;
  extraBytes = 0;
  isEventStream = false;
  private readonly body = new AnswerBody();
  private readonly stream: ServerHttp2Stream;
  /** The stream ends by `wantTrailers`. */
  waitsForTrailer = false;
  private head: OutgoingHttpHeaders | null = null;
  private gathered: Buffer[] = [];

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream;
  }

  /** 100 only to a client that waits for it (RFC 9110 section 15.2). */
  interim(bytes: Buffer, head: AnswerHead, request: ClientRequest): void {
    if (head.code === 100 && !request.isToldToContinue()) return;
    if (!isOpen(this.stream)) return;
    const text = bytes.toString("latin1", head.start, head.end);
    this.stream.additionalHeaders(singled(answerHeaders(text, head, undefined)));
  }

  /** Never: no HTTP/2 request asks for another protocol (RFC 8441 is not offered). */
  switching(): void {}

  begin(found: AnswerIntake, head: AnswerHead, request: ClientRequest): number {
    const { kind, length } = head.body;
    const stays = head.versionMinor === 1 ? !head.connection.close : head.connection.keepAlive;
    this.persistent = stays && kind !== framing.untilClose;
    this.keepAliveTimeoutS = head.keepAliveTimeoutS;
    this.code = head.code;
    this.extraBytes = 0;
    const text = found.bytes.toString("latin1", found.from, found.headEnd);
    this.head = answerHeaders(text, head, request.setCookie);
    const unframed = kind === framing.chunked || kind === framing.untilClose;
    this.isEventStream = unframed && /^text\/event-stream/i.test(String(this.head["content-type"] ?? ""));
    this.body.start(kind, length, false);
    return found.headEnd;
  }

  pass(bytes: Buffer, from: number, length: number): number {
    const { body } = this;
    const upTo = body.done ? from : body.read(bytes, from, length, this);
    if (upTo < 0 || this.code > codeMax) {
      this.gathered = [];
      return relay.malformed;
    }
    this.send();
    if (!body.done) return relay.more;
    this.extraBytes = length - upTo;
    return relay.done;
  }

  /** More than the shared read buffer at once is not worth it here: each byte is copied once anyway. */
  readonly leftBytes = 0;

  get bodyBytes(): number {
    return this.body.bytesRead;
  }

  get problem(): string {
    return this.code > codeMax ? `a status code of ${this.code}` : this.body.problem;
  }

  end(): boolean {
    if (!this.body.end(this)) return false;
    this.send();
    return true;
  }

  retract(): boolean {
    const held = this.head !== null;
    this.head = null;
    return held;
  }

  text(latin1: string): void {
    this.gathered.push(Buffer.from(latin1, "latin1"));
  }

  bytes(bytes: Buffer): void {
    this.gathered.push(bytes);
  }

  lent(bytes: Buffer, start: number, end: number): void {
    this.gathered.push(Buffer.from(bytes.subarray(start, end)));
  }

  /** The head if it waits, what was gathered, and the end if that is it. */
  private send(): void {
    const { stream, body, gathered } = this;
    if (gathered.length > 0) this.gathered = [];
    if (!isOpen(stream)) return;
    if (this.head !== null) this.sendHead(this.head, body.done && gathered.length === 0);
    if (stream.writableEnded) return; // the code allows no body, whatever the upstream thinks
    const last = body.done ? gathered.pop() : undefined;
    for (const bytes of gathered) stream.write(bytes);
    if (!body.done) return;
    if (last === undefined) stream.end();
    else stream.end(last);
  }

  private sendHead(head: OutgoingHttpHeaders, ends: boolean): void {
    const { stream, body } = this;
    this.head = null;
    // Closing a stream ends it first, and what is ended looks whole. Only a stream that waits for trailers does not.
    const waitForTrailers = !body.done || body.trailer !== "";
    const options = { endStream: ends && !waitForTrailers, waitForTrailers };
    this.waitsForTrailer = waitForTrailers;
    if (waitForTrailers) stream.once("wantTrailers", () => this.sendTrailer());
    try {
      stream.respond(head, options);
    } catch {
      stream.respond(singled(head), options); // some names may stand once only, and the upstream sent them twice
    }
  }

  private sendTrailer(): void {
    const headers: Record<string, string[]> = {};
    if (!this.body.done || !isOpen(this.stream)) return; // it was cut
    for (const line of this.body.trailer.split("\r\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) add(headers, line.slice(0, colon).toLowerCase(), line.slice(colon + 2));
    }
    try {
      this.stream.sendTrailers(headers);
    } catch {
      this.stream.sendTrailers(noHeaders); // the stream has to end, with or without them
    }
  }
}

export function isOpen(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed;
}

/** Without this hop's fields; what HTTP/2 and HTTP/1.1 do alike stays as it came. */
function answerHeaders(text: string, head: AnswerHead, setCookie: string | undefined): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = Object.create(null);
  headers[":status"] = head.code;
  const { fields, code } = head;
  const { nameStart, nameEnd, valueStart, valueEnd, id, count } = fields;
  const base = head.start;
  const bodyless = code < 200 || code === 204 || code === 205;
  for (let index = 0; index < count; index++) {
    const kind = id[index] as number;
    if (leftOutOfAnswers[kind] === 1 || (bodyless && kind === field.contentLength)) continue;
    const name = text.slice((nameStart[index] as number) - base, (nameEnd[index] as number) - base);
    const value = text.slice((valueStart[index] as number) - base, (valueEnd[index] as number) - base);
    add(headers, name.toLowerCase(), value);
  }
  if (setCookie !== undefined) add(headers, "set-cookie", setCookie);
  return headers;
}

function add(headers: OutgoingHttpHeaders, name: string, value: string): void {
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else if (Array.isArray(before)) before.push(value);
  else headers[name] = [String(before), value];
}

/** The first of each, but for what is meant to be repeated. */
function singled(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const result: OutgoingHttpHeaders = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    result[name] = Array.isArray(value) && name !== "set-cookie" ? value[0] : value;
  }
  return result;
}
