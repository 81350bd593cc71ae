// What all connections of one proxy share: its options, its counters, and the heads being parsed.
import { type AnswerHead, createAnswerHead } from "../http/answer-head.ts";
import { createRequestHead, type RequestHead } from "../http/request-head.ts";
import type { AccessObserver } from "./ended-exchange.ts";
import {
  defaultHeaderPolicy,
  type HeaderPolicy,
  type RequestTables,
  requestTables,
} from "./header-policy.ts";
import { defaultLimits, type ProxyLimits } from "./limits.ts";
import type { ForwardedFields } from "./peer.ts";
import { defaultRetryPolicy, Retries, type RetryPolicy } from "./retries.ts";
import type { ProxyObserver, Routing } from "./routing.ts";
import { turnMs } from "./turn.ts";

export interface ProxyOptions {
  /** Read anew for every request, so that a new routing is one assignment: `() => current`. */
  readonly routing: () => Routing;
  readonly observer: ProxyObserver;
  /** Every limit has a safe default. */
  readonly limits?: Partial<ProxyLimits>;
  /** Networks (`10.0.0.0/8`) or addresses whose X-Forwarded-* are believed. Default: none. */
  readonly trustedProxies?: readonly string[];
  readonly headers?: Partial<HeaderPolicy>;
  /** Told of every request when it is over. Default: nobody is. */
  readonly accessLog?: AccessObserver | undefined;
  /** Retries beyond the one safe re-dispatch. Default: none. */
  readonly retries?: Partial<RetryPolicy>;
  /** GET and HEAD requests of one event-loop turn share upstream connections (batching.ts). Default: false. */
  readonly upstreamBatching?: boolean;
  /** The clock of all deadlines, in ms, which never goes back. Default: `performance.now()`, read once a turn. */
  readonly nowMs?: () => number;
}

/** What can be changed while requests are served. */
export type ProxySettings = Pick<
  ProxyOptions,
  "limits" | "trustedProxies" | "headers" | "retries" | "upstreamBatching"
>;

/** What a proxy counts besides its upstreams' own counters. */
export interface ProxyStats {
  /** Downstream connections open now, and since the start. */
  connections: number;
  connectionsTotal: number;
  /** Connections turned away because of a connection limit. */
  connectionsRefused: number;
  /** Of those, how many spoke HTTP/2, since the start. */
  http2ConnectionsTotal: number;
  /** HTTP/2 connections closed for costing more than they may, and streams reset by clients or malformed. */
  connectionsWasteful: number;
  streamsWasted: number;
  /** Requests with a well-formed head. */
  requests: number;
  /** Answers that the proxy made itself, by status code (400, 408, 413, 431, 502, 503, 504 …). */
  readonly ownAnswers: Map<number, number>;
  /** Retries by the retry policy, and those that it refused. */
  readonly retries: Pick<Retries, "made" | "overBudget" | "exhausted">;
}

export interface ProxyContext {
  readonly routing: () => Routing;
  readonly observer: ProxyObserver;
  limits: ProxyLimits;
  policy: HeaderPolicy;
  tables: RequestTables;
  readonly stats: ProxyStats;
  readonly retries: Retries;
  readonly accessLog: AccessObserver | null;
  upstreamBatching: boolean;
  readonly nowMs: () => number;
  /** The head being parsed; what is needed longer is copied before the event ends. */
  requestHead: RequestHead;
  answerHead: AnswerHead;
  /** What some connection remembered last, so that those who send the same share it. */
  lastFields: ForwardedFields | null;
  /** No further request is taken on any connection. */
  draining: boolean;
}

export function createContext(options: ProxyOptions): ProxyContext {
  const retries = new Retries({ ...defaultRetryPolicy, ...options.retries });
  return {
    ...changeable(options),
    routing: options.routing,
    observer: options.observer,
    stats: createStats(retries),
    retries,
    accessLog: options.accessLog ?? null,
    nowMs: options.nowMs ?? turnMs,
    draining: false,
  };
}

/** Between two events: a head that is being parsed is in nobody's hands then. */
export function reconfigure(context: ProxyContext, settings: ProxySettings): void {
  Object.assign(context, changeable(settings));
  context.retries.policy = { ...defaultRetryPolicy, ...settings.retries };
}

function changeable(settings: ProxySettings) {
  const limits = { ...defaultLimits, ...settings.limits };
  const policy = { ...defaultHeaderPolicy, ...settings.headers };
  return {
    limits,
    policy,
    tables: requestTables(policy),
    upstreamBatching: settings.upstreamBatching ?? false,
    requestHead: createRequestHead(limits.headerCountMax),
    answerHead: createAnswerHead(limits.answerHeaderCountMax),
    lastFields: null,
  };
}

function createStats(retries: Retries): ProxyStats {
  return {
    connections: 0,
    connectionsTotal: 0,
    connectionsRefused: 0,
    http2ConnectionsTotal: 0,
    connectionsWasteful: 0,
    streamsWasted: 0,
    requests: 0,
    ownAnswers: new Map(),
    retries,
  };
}

export function countOwnAnswer(stats: ProxyStats, status: number): void {
  stats.ownAnswers.set(status, (stats.ownAnswers.get(status) ?? 0) + 1);
}
