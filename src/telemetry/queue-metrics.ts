// The queue's part of the metrics page: names, units and help texts. The figures are the brokers' own, summed by the
// control plane; what a broker counted stays counted when it ends.
import { Registry } from "prom-client";
import { type Counts, countedHistogram } from "./counted-histogram.ts";
import { counter, gauge } from "./metric-kinds.ts";
import type { MetricsPage } from "./metrics.ts";

/** Everything that the page shows of the queue, read at one moment. */
export interface QueueReading {
  readonly messages: number;
  readonly bytes: number;
  readonly commitS: Counts;
  readonly commitBytes: Counts;
  readonly damaged: number;
  readonly parked: number;
  readonly ownerChanges: number;
  readonly respawns: number;
  readonly brokers: number;
  readonly quarantined: number;
  readonly unserved: number;
  /** Those that are furthest behind, a bounded number. */
  readonly lags: readonly { readonly topic: string; readonly consumer: string; readonly lag: number }[];
}

/** Upper bounds of the two histograms' buckets. */
export interface CommitBuckets {
  readonly s: readonly number[];
  readonly bytes: readonly number[];
}

/** A page of its own, which can be a part of another one. */
export function createQueueMetrics(read: () => QueueReading, buckets: CommitBuckets): MetricsPage {
  const registry = new Registry();
  let reading = read();
  const figure = (of: (now: QueueReading) => number) => () => [[{}, of(reading)] as const];

  counter(
    registry,
    "roundhouse_queue_messages_total",
    "Messages appended.",
    [],
    figure((now) => now.messages),
  );
  counter(
    registry,
    "roundhouse_queue_appended_bytes_total",
    "Bytes of the record batches appended.",
    [],
    figure((now) => now.bytes),
  );
  registry.registerMetric(
    countedHistogram(
      "roundhouse_queue_commit_duration_seconds",
      "From the beginning of a transaction to its being durable.",
      buckets.s,
      () => reading.commitS,
    ),
  );
  registry.registerMetric(
    countedHistogram(
      "roundhouse_queue_commit_size_bytes",
      "What one transaction added.",
      buckets.bytes,
      () => reading.commitBytes,
    ),
  );
  counter(
    registry,
    "roundhouse_queue_damaged_batches_total",
    "Stored batches found damaged, each counted once by each broker process.",
    [],
    figure((now) => now.damaged),
  );
  gauge(
    registry,
    "roundhouse_queue_parked_requests",
    "Requests that wait for an owner.",
    [],
    figure((now) => now.parked),
  );
  counter(
    registry,
    "roundhouse_queue_owner_changes_total",
    "Times a tablet got an owner.",
    [],
    figure((now) => now.ownerChanges),
  );
  counter(
    registry,
    "roundhouse_queue_broker_respawns_total",
    "Brokers started again because their process ended.",
    [],
    figure((now) => now.respawns),
  );
  gauge(
    registry,
    "roundhouse_queue_brokers",
    "Brokers that answer.",
    [],
    figure((now) => now.brokers),
  );
  gauge(
    registry,
    "roundhouse_queue_tablets_quarantined",
    "Tablets quarantined after repeated failures.",
    [],
    figure((now) => now.quarantined),
  );
  gauge(
    registry,
    "roundhouse_queue_tablets_unserved",
    "Tablets without an owner that serves them, quarantined ones included.",
    [],
    figure((now) => now.unserved),
  );
  gauge(
    registry,
    "roundhouse_queue_consumer_lag",
    "Messages that a consumer has still to read; the consumers that are furthest behind.",
    ["topic", "consumer"],
    () => reading.lags.map(({ topic, consumer, lag }) => [{ topic, consumer }, lag] as const),
  );
  return {
    contentType: registry.contentType,
    text: () => {
      reading = read();
      return registry.metrics();
    },
  };
}
