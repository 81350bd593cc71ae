// The times of one exchange: since when nothing has happened, and what is overdue because of that. Events only set a
// flag; the clock is read by the sweep, ten times a second.
import type { ProxyLimits } from "./limits.ts";
import type { Turn } from "./turn.ts";

/** Where an exchange is in its life. */
export const stage = {
  none: 0,
  /** Waiting for a place at an upstream, or for a connection, or for it to be established. */
  connecting: 1,
  /** Sent, at least in part; no final answer head yet. */
  awaiting: 2,
  /** The answer's head has gone to the client: from here on nothing can be asked for again. */
  answering: 3,
} as const;

const silentAfterMs = 250;

/** What the sweep found: a deadline has passed, or it is time to ask whether the upstream lives. */
export type Overdue = "connect" | "body" | "answer" | "silent" | "nothing";

export class ExchangeClock {
  /** performance.now() when its head was complete. */
  startedMs = 0;
  /** When its latest attempt began. */
  private attemptMs = 0;
  private quietSinceMs = 0;
  private progressed = false;
  private silenceReported = false;

  attempt(nowMs: number): void {
    this.attemptMs = nowMs;
    this.quietSinceMs = nowMs;
    this.progressed = false;
    this.silenceReported = false;
  }

  /** How long the upstream took, without the turns in which it was asked and in which its answer was read. */
  upstreamMs({ writtenIn }: { readonly writtenIn: Turn }, nowMs: number): number {
    return nowMs - (writtenIn.endMs > 0 ? writtenIn.endMs : this.startedMs);
  }

  /** Something has happened. */
  progress(): void {
    this.progressed = true;
  }

  /** Since its latest attempt began. */
  attemptLastsMs(nowMs: number): number {
    return nowMs - this.attemptMs;
  }

  /** The next step may be the client's, which owes a part of its body, or takes the answer slowly. */
  overdue(nowMs: number, at: number, owesBody: boolean, takesSlowly: boolean, limits: ProxyLimits): Overdue {
    if (this.progressed) {
      this.progressed = false;
      this.quietSinceMs = nowMs;
      return "nothing";
    }
    const quietMs = nowMs - this.quietSinceMs;
    if (at === stage.connecting) return quietMs > limits.connectDeadlineMs ? "connect" : "nothing";
    if (owesBody) return quietMs > limits.requestIdleMs ? "body" : "nothing";
    if (at === stage.answering) return !takesSlowly && quietMs > limits.responseIdleMs ? "answer" : "nothing";
    if (quietMs > limits.responseDeadlineMs) return "answer";
    if (quietMs < silentAfterMs || this.silenceReported) return "nothing";
    this.silenceReported = true;
    return "silent";
  }
}
