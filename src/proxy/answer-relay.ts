// An answer on its way to the client: interim answers, the final head, the body; and whether anything of it has left,
// because from then on it can only be completed or cut.
import type { AnswerHead } from "../http/answer-head.ts";
import { framing } from "../http/framing.ts";
import { AnswerBody, textBodyBytesMax } from "./answer-body.ts";
import type { AnswerIntake } from "./answer-intake.ts";
import type { ClientOutput } from "./client-output.ts";
import type { ClientRequest } from "./client-request.ts";
import { addedLines, forwardedAnswer, forwardedKnownAnswer, rememberAnswer } from "./forwarded-answer.ts";

/** Of a 101, and of a 426, which must name what it demands (RFC 9110 section 15.5.22). */
const upgradeLines = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

/** How far a body has come. */
export const relay = { more: 0, done: 1, malformed: 2 } as const;

export class AnswerRelay {
  /** It takes heads that were recalled and not parsed. */
  readonly recallsHeads: boolean = true;
  code = 0;
  /** The client's connection ends with this answer. */
  closes = false;
  /** The upstream leaves its connection open behind it, for so many seconds (−1: not said). */
  persistent = false;
  keepAliveTimeoutS = -1;
  /** Bytes that came with the answer's last and are not its: another exchange's, or nobody's. */
  extraBytes = 0;
  /** Its end can be told from the end of the connection. */
  isFramed = true;
  /** It is a stream of server-sent events, which has no end of its own. */
  isEventStream = false;
  /** Bytes of the body that came in one text with the head. */
  private wholeBytes = 0;
  private begun = false;
  private readonly body = new AnswerBody();
  private readonly out: ClientOutput;

  constructor(out: ClientOutput) {
    this.out = out;
  }

  /** Not to HTTP/1.0 clients, and 100 only to one that waits for it (RFC 9110 section 15.2). */
  interim(bytes: Buffer, head: AnswerHead, request: ClientRequest): void {
    if (request.versionMinor === 0) return;
    if (head.code === 100 && !request.isToldToContinue()) return;
    this.out.text(forwardedAnswer(bytes.toString("latin1", head.start, head.end), head, ""));
    this.out.flush();
  }

  /** The 101 and what came after it. */
  switching(found: AnswerIntake, head: AnswerHead, request: ClientRequest): void {
    const added = addedLines(false, false, false, request.setCookie);
    const text = found.bytes.toString("latin1", head.start, found.end);
    this.out.text(forwardedAnswer(text, head, upgradeLines + added));
    this.out.writeNow();
  }

  /**
   * The final head, and a short body that came whole with it, as one text: the offset up to which that is. `unread`:
   * the request's body has not come whole.
   */
  begin(
    found: AnswerIntake,
    head: AnswerHead,
    request: ClientRequest,
    unread: boolean,
    mayKeep: boolean,
  ): number {
    const { kind, length } = head.body;
    const stays = head.versionMinor === 1 ? !head.connection.close : head.connection.keepAlive;
    this.persistent = stays && kind !== framing.untilClose;
    this.keepAliveTimeoutS = head.keepAliveTimeoutS;
    const unframed = kind === framing.chunked || kind === framing.untilClose;
    const chunked = unframed && request.versionMinor === 1;
    this.code = head.code;
    this.begun = false;
    this.extraBytes = 0;
    this.isFramed = !unframed || chunked;
    this.closes = !request.keepAlive || !mayKeep || !this.isFramed || (unread && isWhole(found, head));
    const whole =
      kind === framing.length && length <= textBodyBytesMax && length <= found.end - found.headEnd;
    this.wholeBytes = whole ? length : 0;
    const end = found.headEnd + this.wholeBytes;
    const demand = head.namesWebSocket ? upgradeLines : "";
    const added = demand + addedLines(chunked, this.closes, request.versionMinor === 0, request.setCookie);
    this.body.start(whole ? framing.none : kind, length, chunked);
    const known = head.isKnown ? found.memory?.known : null;
    if (known) {
      const start = forwardedKnownAnswer(known, added);
      this.out.text(whole ? start + found.bytes.toString("latin1", found.headEnd, end) : start);
      this.isEventStream = false;
      return end;
    }
    const text = found.bytes.toString("latin1", found.from, end);
    if (found.memory !== null) rememberAnswer(text, head, found.memory);
    this.isEventStream = unframed && /\r\ncontent-type:[ \t]*text\/event-stream/i.test(text);
    this.out.text(forwardedAnswer(text, head, added));
    return end;
  }

  pass(bytes: Buffer, start: number, end: number): number {
    const { body, out } = this;
    const upTo = body.done ? start : body.read(bytes, start, end, out);
    if (upTo < 0) return relay.malformed;
    this.begun = true;
    out.flush();
    if (!body.done) return relay.more;
    this.extraBytes = end - upTo;
    return relay.done;
  }

  /** What is malformed in its body. */
  get problem(): string {
    return this.body.problem;
  }

  /** Bytes of the body that have come, without their framing. */
  get bodyBytes(): number {
    return this.wholeBytes + this.body.bytesRead;
  }

  /** Bytes of the body that are known to come. */
  get leftBytes(): number {
    return this.body.leftBytes;
  }

  /** The upstream has closed. True when that is how this answer ends. */
  end(): boolean {
    if (!this.body.end(this.out)) return false;
    this.out.flush();
    return true;
  }

  /** Takes the answer back. False: something of it has left. */
  retract(): boolean {
    if (this.begun) return false;
    this.out.dropText();
    return true;
  }
}

/** The answer has come to its end already. A chunked one may have, unseen, when its last bytes are in another read. */
function isWhole(found: AnswerIntake, head: AnswerHead): boolean {
  const { bytes, headEnd, end } = found;
  if (head.body.kind === framing.none) return true;
  if (head.body.kind === framing.length) return head.body.length <= end - headEnd;
  return head.body.kind === framing.chunked && bytes.subarray(headEnd, end).includes(lastChunk);
}
const lastChunk = "0\r\n\r\n";
