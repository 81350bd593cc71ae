// The metrics of requests and connections: what was answered, by whom, what is under way, and what was retried.
import type { Registry } from "prom-client";
import { counter, gauge } from "./metric-kinds.ts";
import type { MetricsMoment } from "./metrics-reading.ts";
import type { TrafficSum } from "./traffic.ts";

export function registerTraffic(registry: Registry, page: MetricsMoment): void {
  const perReplica = (of: (sum: TrafficSum) => number) => () =>
    [...page.reading.traffic].map(([replica, sum]) => [{ replica }, of(sum)] as const);

  counter(
    registry,
    "roundhouse_requests_total",
    "Requests answered. outcome: forwarded (the replica's answer) or own (made by the front door, replica is empty).",
    ["replica", "code", "outcome"],
    function* () {
      for (const [replica, sum] of page.reading.traffic) {
        for (const [code, count] of sum.answersByCode) {
          yield [{ replica, code: String(code), outcome: "forwarded" }, count];
        }
      }
      for (const [code, count] of page.reading.ownAnswers) {
        yield [{ replica: "", code: String(code), outcome: "own" }, count];
      }
    },
  );
  counter(
    registry,
    "roundhouse_upstream_failed_total",
    "Requests answered 502 or 504 because of this replica.",
    ["replica"],
    perReplica((sum) => sum.failed),
  );
  counter(
    registry,
    "roundhouse_upstream_redispatched_total",
    "Requests sent again to another replica after this one failed them.",
    ["replica"],
    perReplica((sum) => sum.redispatched),
  );
  counter(
    registry,
    "roundhouse_upstream_turned_away_total",
    "Requests answered 503 because no place at this replica became free in time, or too many waited for one.",
    ["replica"],
    perReplica((sum) => sum.turnedAway),
  );
  counter(
    registry,
    "roundhouse_upstream_truncated_total",
    "Answers of this replica that were cut off midway.",
    ["replica"],
    perReplica((sum) => sum.truncated),
  );
  gauge(
    registry,
    "roundhouse_requests_in_flight",
    "Exchanges and tunnels under way, by replica in the ring.",
    ["replica"],
    () => [...page.reading.serving].map(([replica, { inFlight }]) => [{ replica }, inFlight] as const),
  );
  gauge(
    registry,
    "roundhouse_requests_waiting",
    "Exchanges that wait for a place at this replica; they are in flight too.",
    ["replica"],
    () => [...page.reading.waiting].map(([replica, count]) => [{ replica }, count] as const),
  );
  gauge(
    registry,
    "roundhouse_replica_full",
    "How many data planes have as many requests under way at this replica as they may.",
    ["replica"],
    () => [...page.reading.full].map(([replica, count]) => [{ replica }, count] as const),
  );
  gauge(registry, "roundhouse_connections", "Client connections open now.", [], () => [
    [{}, page.reading.connections],
  ]);
  counter(registry, "roundhouse_connections_total", "Client connections accepted.", [], () => [
    [{}, page.reading.connectionsTotal],
  ]);
  counter(
    registry,
    "roundhouse_connections_refused_total",
    "Client connections turned away because of a connection limit.",
    [],
    () => [[{}, page.reading.connectionsRefused]],
  );
  registerHttp2(registry, page);
  registerTls(registry, page);
}

function registerTls(registry: Registry, page: MetricsMoment): void {
  counter(
    registry,
    "roundhouse_tls_handshakes_total",
    "TLS handshakes. result: full, resumed (by a ticket), or failed.",
    ["result"],
    () => Object.entries(page.reading.tls).map(([result, count]) => [{ result }, count] as const),
  );
}

function registerHttp2(registry: Registry, page: MetricsMoment): void {
  counter(registry, "roundhouse_http2_connections_total", "Client connections that spoke HTTP/2.", [], () => [
    [{}, page.reading.http2.connections],
  ]);
  counter(
    registry,
    "roundhouse_http2_streams_wasted_total",
    "HTTP/2 requests that were malformed, or reset by the client before they were answered.",
    [],
    () => [[{}, page.reading.http2.streamsWasted]],
  );
  counter(
    registry,
    "roundhouse_http2_connections_wasteful_total",
    "HTTP/2 connections closed for wasting more than limits.wastedStreamsMax.",
    [],
    () => [[{}, page.reading.http2.connectionsWasteful]],
  );
}

export function registerRetries(registry: Registry, page: MetricsMoment): void {
  counter(
    registry,
    "roundhouse_retries_total",
    "Retries by the retry policy; the one safe re-dispatch of a request is not among them.",
    [],
    () => [[{}, page.reading.retries]],
  );
  counter(
    registry,
    "roundhouse_retries_refused_total",
    "Retries that were due and not made. reason: budget, or attempts (the request had used up its own).",
    ["reason"],
    () => [
      [{ reason: "budget" }, page.reading.retriesOverBudget],
      [{ reason: "attempts" }, page.reading.retriesExhausted],
    ],
  );
}

export function registerBatching(registry: Registry, page: MetricsMoment): void {
  gauge(
    registry,
    "roundhouse_batching_replicas",
    "Replicas by whether requests may share their connections. sharing: shared, or why not: new, slow or distrusted.",
    ["sharing"],
    () => [...page.reading.sharing].map(([sharing, count]) => [{ sharing }, count] as const),
  );
}
