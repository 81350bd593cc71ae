// What an exchange holds, tells when it is over, and forgets: the client's side, the request, who was asked, the answer.
// What happens between is exchange.ts; the two are one object, since a request should cost no more of them.
import { AnswerIntake } from "./answer-intake.ts";
import { Attempts } from "./attempts.ts";
import { ClientRequest } from "./client-request.ts";
import type { ClientRelay, ClientSide } from "./client-side.ts";
import type { ProxyContext } from "./context.ts";
import { type Ending, endedExchange } from "./ended-exchange.ts";
import { ExchangeClock, stage } from "./exchange-clock.ts";
import { RequestBody } from "./request-body.ts";
import type { PooledUpstream } from "./upstream.ts";
import type { ExchangeConnection } from "./upstream-connection.ts";

export abstract class ExchangeState {
  protected readonly downstream: ClientSide;
  protected readonly context: ProxyContext;

  // The request
  protected readonly request: ClientRequest;
  protected readonly body = new RequestBody();

  // Its dispatch
  protected stage: number = stage.none;
  protected upstream: PooledUpstream | null = null;
  protected connection: ExchangeConnection | null = null;
  protected readonly attempts: Attempts;

  // The answer
  protected readonly intake = new AnswerIntake();
  protected readonly answerRelay: ClientRelay;
  protected reusable = false;
  protected upstreamPaused = false;

  protected readonly clock = new ExchangeClock();

  constructor(downstream: ClientSide) {
    this.downstream = downstream;
    this.context = downstream.context;
    this.request = new ClientRequest(downstream.peer);
    this.attempts = new Attempts({ request: this.request, body: this.body, context: this.context });
    this.answerRelay = downstream.relay;
  }

  get bodyIsRead(): boolean {
    return this.body.done;
  }

  protected count(upstream: PooledUpstream, code: number, nowMs: number): void {
    upstream.countAnswer(code, nowMs - this.clock.startedMs, this.attempts.tried.length > 0);
    if (code >= 500 || upstream.watched) this.context.observer.upstreamAnswered(upstream, code);
  }

  /** To the access log, if there is one. */
  protected tell(ending: Ending, status: number, ownBody = ""): void {
    const { accessLog, nowMs } = this.context;
    if (accessLog === null) return;
    const { request, body, answerRelay, attempts, clock } = this;
    const parts = { request, body, relay: answerRelay, attempts, clock, ending, status, ownBody };
    accessLog(endedExchange(parts, nowMs()));
  }

  /** Nothing of one request outlives it. */
  protected clear(): void {
    this.attempts.end();
    this.stage = stage.none;
    this.upstream = null;
    this.connection = null;
    this.request.clear();
    this.intake.reset();
    this.upstreamPaused = false;
    this.body.forgetAll();
  }
}
