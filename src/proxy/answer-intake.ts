// An answer from its first byte to the point where it may be forwarded: interim answers one by one, then the final
// one's head; a small one is held until it is complete, so that it can still be asked for elsewhere.
import { type AnswerHead, parseAnswerHead } from "../http/answer-head.ts";
import { incomplete, refused } from "../http/fields.ts";
import { framing } from "../http/framing.ts";
import type { ProxyContext } from "./context.ts";
import type { AnswerMemory } from "./forwarded-answer.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { ProxyLimits } from "./limits.ts";
import type { ExchangeConnection } from "./upstream-connection.ts";

/** What has come; of what is malformed the head says why. */
export const intake = { more: 0, interim: 1, switching: 2, final: 3, malformed: 4 } as const;

/** An upstream that sends more interim answers than this for one request is broken. */
const interimAnswersMax = 32;
const nothing = Buffer.alloc(0);

type GivenBack = Pick<ProxyContext, "answerHead" | "nowMs">;

export class AnswerIntake {
  /** The bytes in which the head was found, where it begins and ends, and where the bytes end. */
  bytes: Buffer = nothing;
  from = 0;
  headEnd = 0;
  end = 0;
  /** Of the upstream's heads; null: none is recalled. */
  memory: AnswerMemory | null = null;
  private held: HeldBytes | null = null;
  /** Bytes that must be held before there is anything new to see. */
  private needs = 0;
  private interims = 0;

  reset(): void {
    this.bytes = nothing;
    this.held = null;
    this.interims = 0;
  }

  /** Takes what was read; `head` says what was found. After `interim`, {@link next}. */
  take(
    bytes: Buffer,
    start: number,
    end: number,
    method: string,
    limits: ProxyLimits,
    head: AnswerHead,
    memory: AnswerMemory | null,
  ): number {
    this.memory = memory;
    this.bytes = bytes;
    this.end = end;
    this.headEnd = start;
    if (this.held !== null) {
      this.held.append(bytes, start, end);
      if (this.held.length < this.needs) return intake.more;
      this.bytes = this.held.bytes();
      this.end = this.held.length;
      this.headEnd = 0;
      this.held = null;
    }
    return this.next(method, limits, head);
  }

  next(method: string, limits: ProxyLimits, head: AnswerHead): number {
    const { bytes, end, memory } = this;
    this.from = this.headEnd;
    if (this.from === end) return intake.more;
    const headEnd = parseAnswerHead(bytes, this.from, end, method, limits.answerHeadBytesMax, head, memory);
    if (headEnd === refused) return intake.malformed;
    if (headEnd === incomplete) return this.hold(0);
    this.headEnd = headEnd;
    if (head.code < 200) {
      if (head.code === 101) return intake.switching;
      if (++this.interims <= interimAnswersMax) return intake.interim;
      head.problem = `more than ${interimAnswersMax} interim answers`;
      return intake.malformed;
    }
    const whole = head.body.kind === framing.length ? headEnd - this.from + head.body.length : 0;
    const isShort = whole > end - this.from && head.body.length <= limits.heldAnswerBytesMax;
    return isShort ? this.hold(whole) : intake.final;
  }

  /**
   * Gives its connection back behind a final answer that nobody wants, if all of it has come and nothing is in doubt.
   * False: it has to be closed.
   */
  giveBack(connection: ExchangeConnection, { answerHead: head, nowMs }: GivenBack): boolean {
    const stays = head.versionMinor === 1 ? !head.connection.close : head.connection.keepAlive;
    const { kind, length } = head.body;
    const end = this.headEnd + (kind === framing.length ? length : 0);
    const isWhole = (kind === framing.length || kind === framing.none) && end <= this.end;
    if (!stays || !isWhole) return false;
    connection.readBuffer.done(false);
    connection.release(this.end - end, head.keepAliveTimeoutS, nowMs());
    return true;
  }

  private hold(needs: number): number {
    this.needs = needs;
    this.held = new HeldBytes(this.bytes, this.from, this.end);
    return intake.more;
  }
}
