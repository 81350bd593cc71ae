// The answer to a probe as it comes in: is it HTTP, is its status a good one, and is it complete? Read as strictly as
// the answers to clients are, so that a server whose answers could not be forwarded is not held to be well.
import { type AnswerHead, createAnswerHead, parseAnswerHead } from "../http/answer-head.ts";
import { type ChunkedReader, chunkedIsDone, createChunkedReader, readChunked } from "../http/chunked.ts";
import { incomplete, refused } from "../http/fields.ts";
import { framing } from "../http/framing.ts";

/** A longer head is refused, and so is a longer trailer section. In bytes. */
const headBytesMax = 16 * 1024;
const fieldsMax = 200;
/** More of a body is not read: the server has shown that it works. In bytes. */
const bodyBytesMax = 64 * 1024;
/** A server that sends more interim answers (1xx) than this before the final one is broken. */
const interimAnswersMax = 32;

export interface ProbeVerdict {
  /** Is an answer of this status a good one? */
  readonly accepts: (status: number) => boolean;
  pass(): void;
  fail(reason: string): void;
}

/** Heads are read one at a time, each in one go. */
const head: AnswerHead = createAnswerHead(fieldsMax);

export class ProbeAnswer {
  private readonly verdict: ProbeVerdict;
  /** The part of a head that has come so far, empty when it came in one piece. */
  private held: Buffer | null = null;
  private interims = 0;
  /** A {@link framing}, once the final head has come. */
  private bodyKind = -1;
  private bodyBytes = 0;
  /** With `length`: how many there will be. */
  private bodyBytesDue = 0;
  private chunks: ChunkedReader | null = null;

  constructor(verdict: ProbeVerdict) {
    this.verdict = verdict;
  }

  /** What has been read; the bytes are not needed any more afterwards. */
  take(bytes: Buffer, length: number): void {
    if (this.bodyKind >= 0) this.takeBody(bytes, 0, length);
    else if (this.held === null) this.takeHeads(bytes, length);
    else {
      const both = Buffer.concat([this.held, bytes.subarray(0, length)]);
      this.takeHeads(both, both.length);
    }
  }

  /** The server will send no more. */
  end(): void {
    if (this.bodyKind === framing.untilClose) this.verdict.pass();
    else if (this.bodyKind < 0 && this.held === null) this.verdict.fail("connection reset");
    else this.verdict.fail("closed before a complete answer");
  }

  private takeHeads(bytes: Buffer, length: number): void {
    for (let at = 0; ; ) {
      const end = parseAnswerHead(bytes, at, length, "GET", headBytesMax, head);
      if (end === incomplete) this.held = Buffer.from(bytes.subarray(at, length));
      else if (end === refused) this.notHttp(head.problem);
      else if (head.code === 101 || head.code >= 200) this.takeFinal(bytes, end, length);
      else if (++this.interims > interimAnswersMax) {
        this.notHttp(`more than ${interimAnswersMax} interim answers`);
      } else {
        at = end;
        continue;
      }
      return;
    }
  }

  private takeFinal(bytes: Buffer, bodyStart: number, length: number): void {
    this.held = null;
    this.bodyKind = head.body.kind;
    this.bodyBytesDue = head.body.length;
    // Nobody asked for another protocol (101).
    const isGood = head.code !== 101 && this.verdict.accepts(head.code);
    if (!isGood) this.verdict.fail(`answered ${head.code}`);
    else if (this.bodyKind === framing.none) this.verdict.pass();
    else this.takeBody(bytes, bodyStart, length);
  }

  private takeBody(bytes: Buffer, start: number, length: number): void {
    this.bodyBytes += length - start;
    if (this.bodyKind === framing.chunked) this.takeChunks(bytes, start, length);
    const enough =
      this.bodyKind === framing.length ? Math.min(this.bodyBytesDue, bodyBytesMax) : bodyBytesMax;
    if (this.bodyBytes >= enough) this.verdict.pass();
  }

  private takeChunks(bytes: Buffer, start: number, length: number): void {
    this.chunks ??= createChunkedReader();
    const end = readChunked(this.chunks, bytes, start, length, headBytesMax);
    if (end < 0) this.notHttp(this.chunks.problem);
    else if (chunkedIsDone(this.chunks)) this.verdict.pass();
  }

  private notHttp(problem: string): void {
    this.verdict.fail(`not an HTTP answer (${problem})`);
  }
}
