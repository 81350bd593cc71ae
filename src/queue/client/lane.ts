// One shard's messages on their way out: they gather until a batch is full or has lingered, and go one batch after
// another. A batch is sent until it is acknowledged, under the same sequence, so that it is stored once and messages
// keep their order.
import type { RoundhouseError } from "../../errors.ts";
import { sequenceAfter } from "../producers.ts";
import { type NewRecord, packBatch } from "../records.ts";
import type { ProducerId } from "./api.ts";

export interface LaneOptions {
  /** How long the first message of a batch waits for others; 0: until the end of this event-loop turn. */
  readonly lingerMs: number;
  readonly batchMessagesMax: number;
  readonly batchBytesMax: number;
  readonly compression: "none" | "gzip";
  newProducer(): Promise<ProducerId>;
  /** Sends until it is acknowledged or given up, and resolves to the offset of the first message. */
  send(batch: Buffer): Promise<number>;
}

export interface Outgoing {
  readonly record: NewRecord;
  /** Counted against the producer's buffer. */
  readonly bytes: number;
  stored(offset: number): void;
  failed(error: unknown): void;
}

export interface Lane {
  push(outgoing: Outgoing): void;
  /** Sends what waits without lingering. */
  hurry(): void;
}

export function createLane(options: LaneOptions): Lane {
  const { lingerMs, batchMessagesMax, batchBytesMax } = options;
  const waiting: Outgoing[] = [];
  let waitingBytes = 0;
  let sending = false;
  let linger: NodeJS.Timeout | NodeJS.Immediate | null = null;
  /** Null: the next batch needs a new id, since what became of the one before it is not known. */
  let producer: ProducerId | null = null;
  let sequence = 0;

  function push(outgoing: Outgoing): void {
    waiting.push(outgoing);
    waitingBytes += outgoing.bytes;
    if (waiting.length >= batchMessagesMax || waitingBytes >= batchBytesMax) void pump();
    else if (!sending && linger === null) {
      linger = lingerMs > 0 ? setTimeout(pump, lingerMs) : setImmediate(pump);
    }
  }

  /** What gathers while a batch is under way goes as soon as that one is done: it has lingered enough. */
  async function pump(): Promise<void> {
    if (linger !== null && lingerMs > 0) clearTimeout(linger as NodeJS.Timeout);
    else if (linger !== null) clearImmediate(linger as NodeJS.Immediate);
    linger = null;
    if (sending) return;
    sending = true;
    while (waiting.length > 0) await sendBatch(takeBatch());
    sending = false;
  }

  function takeBatch(): Outgoing[] {
    let bytes = 0;
    let count = 0;
    for (const one of waiting) {
      if (count > 0 && (count >= batchMessagesMax || bytes + one.bytes > batchBytesMax)) break;
      bytes += one.bytes;
      count++;
    }
    waitingBytes -= bytes;
    return waiting.splice(0, count);
  }

  async function sendBatch(batch: readonly Outgoing[]): Promise<void> {
    try {
      if (producer === null) {
        producer = await options.newProducer();
        sequence = 0;
      }
      const packed = packBatch(
        batch.map((one) => one.record),
        { timestampMs: Date.now(), compression: options.compression, producer: { ...producer, sequence } },
      );
      const baseOffset = await options.send(packed);
      sequence = sequenceAfter(sequence, batch.length);
      for (const [index, one] of batch.entries()) one.stored(baseOffset + index);
    } catch (error) {
      producer = null;
      for (const one of batch) one.failed(error as RoundhouseError);
    }
  }

  return { push, hurry: () => void pump() };
}
