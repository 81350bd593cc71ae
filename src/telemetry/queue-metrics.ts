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

/** What is one number. */
interface Figure {
  readonly name: string;
  readonly help: string;
  readonly of: (now: QueueReading) => number;
}

const counters: readonly Figure[] = [
  { name: "roundhouse_queue_messages_total", help: "Messages appended.", of: (now) => now.messages },
  {
    name: "roundhouse_queue_appended_bytes_total",
    help: "Bytes of the record batches appended.",
    of: (now) => now.bytes,
  },
  {
    name: "roundhouse_queue_damaged_batches_total",
    help: "Stored batches found damaged, each counted once by each broker process.",
    of: (now) => now.damaged,
  },
  {
    name: "roundhouse_queue_owner_changes_total",
    help: "Times a tablet got an owner.",
    of: (now) => now.ownerChanges,
  },
  {
    name: "roundhouse_queue_broker_respawns_total",
    help: "Brokers started again because their process ended.",
    of: (now) => now.respawns,
  },
];

const gauges: readonly Figure[] = [
  {
    name: "roundhouse_queue_parked_requests",
    help: "Requests that wait for an owner.",
    of: (now) => now.parked,
  },
  { name: "roundhouse_queue_brokers", help: "Brokers that answer.", of: (now) => now.brokers },
  {
    name: "roundhouse_queue_tablets_quarantined",
    help: "Tablets quarantined after repeated failures.",
    of: (now) => now.quarantined,
  },
  {
    name: "roundhouse_queue_tablets_unserved",
    help: "Tablets without an owner that serves them, quarantined ones included.",
    of: (now) => now.unserved,
  },
];

/** A page of its own, which can be a part of another one. */
export function createQueueMetrics(read: () => QueueReading, buckets: CommitBuckets): MetricsPage {
  const registry = new Registry();
  let reading = read();
  const rows = (of: Figure["of"]) => () => [[{}, of(reading)] as const];
  for (const { name, help, of } of counters) counter(registry, name, help, [], rows(of));
  for (const { name, help, of } of gauges) gauge(registry, name, help, [], rows(of));
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
