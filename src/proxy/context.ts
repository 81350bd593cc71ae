// What all connections of one proxy share.
import { type AnswerHead, createAnswerHead } from "../http/answer-head.ts";
import { createRequestHead, type RequestHead } from "../http/request-head.ts";
import {
  defaultHeaderPolicy,
  type HeaderPolicy,
  type RequestTables,
  requestTables,
} from "./header-policy.ts";
import { defaultLimits, type ProxyLimits } from "./limits.ts";
import type { ProxyOptions, ProxyStats } from "./proxy.ts";
import type { ProxyObserver, Routing } from "./routing.ts";

export interface ProxyContext {
  readonly routing: () => Routing;
  readonly observer: ProxyObserver;
  readonly limits: ProxyLimits;
  readonly policy: HeaderPolicy;
  readonly tables: RequestTables;
  readonly stats: ProxyStats;
  /** The head being parsed; what is needed longer is copied before the event ends. */
  readonly requestHead: RequestHead;
  readonly answerHead: AnswerHead;
  /** No further request is taken on any connection. */
  draining: boolean;
}

export function createContext(options: ProxyOptions): ProxyContext {
  const limits = { ...defaultLimits, ...options.limits };
  const policy = { ...defaultHeaderPolicy, ...options.headers };
  return {
    routing: options.routing,
    observer: options.observer,
    limits,
    policy,
    tables: requestTables(policy),
    stats: { connections: 0, connectionsTotal: 0, connectionsRefused: 0, requests: 0, ownAnswers: new Map() },
    requestHead: createRequestHead(limits.headerCountMax),
    answerHead: createAnswerHead(limits.answerHeaderCountMax),
    draining: false,
  };
}

export function countOwnAnswer(stats: ProxyStats, status: number): void {
  stats.ownAnswers.set(status, (stats.ownAnswers.get(status) ?? 0) + 1);
}
