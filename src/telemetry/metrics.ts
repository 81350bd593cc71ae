// The Prometheus page: names, units and help texts. Nothing is counted here: the data plane and the fleet keep plain
// numbers, and they are read when the page is asked for, so that a request costs no metrics work.
import { collectDefaultMetrics, Registry } from "prom-client";
import { latencyHistogram } from "./latency-histogram.ts";
import { counter, gauge } from "./metric-kinds.ts";
import type { TrafficSum } from "./traffic.ts";

/** Everything the page shows, read at one moment. */
export interface MetricsReading {
  /** Sums by replica name; see traffic.ts. */
  readonly traffic: ReadonlyMap<string, TrafficSum>;
  /** Answers that the front door made itself, by status code. */
  readonly ownAnswers: ReadonlyMap<number, number>;
  /** Downstream connections open now, and accepted since the start. */
  readonly connections: number;
  readonly connectionsTotal: number;
  /** Connections turned away because of a connection limit. */
  readonly connectionsRefused: number;
  /** Of HTTP/2: connections since the start, those closed for waste, and streams that the client wasted. */
  readonly http2: {
    readonly connections: number;
    readonly connectionsWasteful: number;
    readonly streamsWasted: number;
  };
  /** TLS handshakes since the start, by how they ended. */
  readonly tls: { readonly full: number; readonly resumed: number; readonly failed: number };
  /** Replicas by state; every state is present, with 0 where there is none. */
  readonly replicasByState: ReadonlyMap<string, number>;
  /** How many replicas there should be. */
  readonly replicasDesired: number;
  /** Warm spares, starting or healthy. */
  readonly spares: number;
  readonly respawns: number;
  readonly heartbeatFailures: number;
  /** By the name of each replica in the ring: its share of the key space 0…1, and its exchanges under way. */
  readonly serving: ReadonlyMap<string, { readonly share: number; readonly inFlight: number }>;
  /** Retries by the retry policy; those that were due and over its budget; those that would have been one too many. */
  readonly retries: number;
  readonly retriesOverBudget: number;
  readonly retriesExhausted: number;
  /** By replica: exchanges that wait for a place there, and how many data planes have no place left. */
  readonly waiting: ReadonlyMap<string, number>;
  readonly full: ReadonlyMap<string, number>;
  /** With upstream batching: replicas by whether their connections may be shared, and if not, why. */
  readonly sharing: ReadonlyMap<string, number>;
  /** By replica: how many data planes have set it aside now. */
  readonly ejected: ReadonlyMap<string, number>;
  /** Times a replica was set aside, by cause; times it was spared because too many were already; all are used. */
  readonly ejections: ReadonlyMap<string, number>;
  readonly ejectionsSpared: number;
  /** Data planes that use all of them, for want of others. */
  readonly ejectionPanics: number;
  /** Slots of the ring, how many changed owner at the last change, and how often it changed. */
  readonly slots: number;
  readonly slotsMoved: number;
  readonly ringChanges: number;
  /** Requests routed while loads were bounded, those of them that went elsewhere for it, those whose key is spread. */
  readonly hashing: { readonly bounded: number; readonly overflowed: number; readonly spread: number };
  /** Requests per second for the hottest keys, the hottest first. */
  readonly hotKeyRates: readonly number[];
  /** Times the user's routing-key function threw or gave something that is no key. */
  readonly keyErrors: number;
  readonly logLinesDropped: number;
  readonly accessLinesDropped: number;
}

export interface MetricsPage {
  readonly contentType: string;
  text(): Promise<string>;
}

/** What the metrics hang from while one page is made. */
interface Page {
  reading: MetricsReading;
}

/**
 * @param read called once per page.
 * @param latencyBucketsS upper bounds of the latency buckets, in seconds; the counts have one more, for +Inf.
 * @param more another page, to be a part of this one.
 */
export function createMetricsPage(
  read: () => MetricsReading,
  latencyBucketsS: readonly number[],
  more?: MetricsPage,
): MetricsPage {
  const registry = new Registry();
  const page: Page = { reading: read() };
  registerTraffic(registry, page);
  registry.registerMetric(latencyHistogram(() => page.reading.traffic.values(), latencyBucketsS));
  registerRetries(registry, page);
  registerBatching(registry, page);
  registerFleet(registry, page);
  registerEjection(registry, page);
  registerRing(registry, page);
  registerHashing(registry, page);
  registerSelf(registry, page);
  return {
    contentType: registry.contentType,
    text: async () => {
      page.reading = read();
      const text = await registry.metrics();
      return more === undefined ? text : `${text}\n${await more.text()}`;
    },
  };
}

function registerTraffic(registry: Registry, page: Page): void {
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

function registerTls(registry: Registry, page: Page): void {
  counter(
    registry,
    "roundhouse_tls_handshakes_total",
    "TLS handshakes. result: full, resumed (by a ticket), or failed.",
    ["result"],
    () => Object.entries(page.reading.tls).map(([result, count]) => [{ result }, count] as const),
  );
}

function registerHttp2(registry: Registry, page: Page): void {
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

function registerFleet(registry: Registry, page: Page): void {
  gauge(registry, "roundhouse_replicas", "Replicas by state.", ["state"], () =>
    [...page.reading.replicasByState].map(([state, count]) => [{ state }, count] as const),
  );
  gauge(registry, "roundhouse_replicas_desired", "How many replicas there should be.", [], () => [
    [{}, page.reading.replicasDesired],
  ]);
  gauge(registry, "roundhouse_spares", "Warm spares, starting or healthy.", [], () => [
    [{}, page.reading.spares],
  ]);
  counter(
    registry,
    "roundhouse_respawns_total",
    "Replacements started because a replica died or hung.",
    [],
    () => [[{}, page.reading.respawns]],
  );
  counter(
    registry,
    "roundhouse_heartbeat_failures_total",
    "Heartbeats missed by replicas that had been healthy.",
    [],
    () => [[{}, page.reading.heartbeatFailures]],
  );
}

function registerRetries(registry: Registry, page: Page): void {
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

function registerBatching(registry: Registry, page: Page): void {
  gauge(
    registry,
    "roundhouse_batching_replicas",
    "Replicas by whether requests may share their connections. sharing: shared, or why not: new, slow or distrusted.",
    ["sharing"],
    () => [...page.reading.sharing].map(([sharing, count]) => [{ sharing }, count] as const),
  );
}

function registerEjection(registry: Registry, page: Page): void {
  gauge(
    registry,
    "roundhouse_replica_ejected",
    "How many data planes have set this replica aside now; 0 when none has.",
    ["replica"],
    () => [...page.reading.ejected].map(([replica, count]) => [{ replica }, count] as const),
  );
  counter(
    registry,
    "roundhouse_ejections_total",
    "Times a replica was set aside. cause: answers (too many bad ones in a row) or latency.",
    ["cause"],
    () => [...page.reading.ejections].map(([cause, count]) => [{ cause }, count] as const),
  );
  counter(
    registry,
    "roundhouse_ejections_spared_total",
    "Times a replica was not set aside only because too many were already.",
    [],
    () => [[{}, page.reading.ejectionsSpared]],
  );
  gauge(
    registry,
    "roundhouse_ejection_panic",
    "How many data planes use those set aside too, because so few replicas accept requests.",
    [],
    () => [[{}, page.reading.ejectionPanics]],
  );
}

function registerRing(registry: Registry, page: Page): void {
  gauge(
    registry,
    "roundhouse_ring_share_ratio",
    "Share of the key space that a replica owns, 0 to 1.",
    ["replica"],
    () => [...page.reading.serving].map(([replica, { share }]) => [{ replica }, share] as const),
  );
  gauge(registry, "roundhouse_ring_slots", "Slots of the ring.", [], () => [[{}, page.reading.slots]]);
  gauge(
    registry,
    "roundhouse_ring_slots_moved",
    "Slots that changed owner at the ring's last change.",
    [],
    () => [[{}, page.reading.slotsMoved]],
  );
  counter(registry, "roundhouse_ring_changes_total", "Changes of the ring.", [], () => [
    [{}, page.reading.ringChanges],
  ]);
}

function registerHashing(registry: Registry, page: Page): void {
  const rows = (of: "bounded" | "overflowed" | "spread") => () => [[{}, page.reading.hashing[of]] as const];
  counter(
    registry,
    "roundhouse_bounded_requests_total",
    "Requests routed while loads were bounded.",
    [],
    rows("bounded"),
  );
  counter(
    registry,
    "roundhouse_overflow_requests_total",
    "Requests that another replica got because the first one for their key was at its bound.",
    [],
    rows("overflowed"),
  );
  counter(
    registry,
    "roundhouse_spread_requests_total",
    "Requests of hot keys that are spread over several replicas.",
    [],
    rows("spread"),
  );
  gauge(
    registry,
    "roundhouse_hot_key_requests_per_second",
    "Requests per second for the hottest keys, by rank; /api/v1/hot-keys names them.",
    ["rank"],
    () => page.reading.hotKeyRates.map((rate, index) => [{ rank: String(index + 1) }, rate] as const),
  );
}

function registerSelf(registry: Registry, page: Page): void {
  counter(
    registry,
    "roundhouse_routing_key_errors_total",
    "Times the configured routing-key function threw or gave no usable key.",
    [],
    () => [[{}, page.reading.keyErrors]],
  );
  counter(
    registry,
    "roundhouse_log_lines_dropped_total",
    "Log lines lost because their reader was too slow.",
    [],
    () => [[{}, page.reading.logLinesDropped]],
  );
  counter(
    registry,
    "roundhouse_access_log_lines_dropped_total",
    "Access log lines lost because the disk was too slow or could not be written.",
    [],
    () => [[{}, page.reading.accessLinesDropped]],
  );
  // Event-loop lag, memory, descriptors, garbage collection. A timer every 20 ms feeds the lag histogram.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 });
  for (const name of costly) registry.removeSingleMetric(name);
}

/** These walk every open socket each time they are read, and their names break the naming rules. */
const costly = [
  "nodejs_active_handles",
  "nodejs_active_handles_total",
  "nodejs_active_requests",
  "nodejs_active_requests_total",
  "nodejs_active_resources",
  "nodejs_active_resources_total",
];
