// One shard's messages on their way out: they gather until a batch is full or has lingered, and go batch by batch, a few
// under way at a time. A batch is sent until it is acknowledged, under the same sequence, so that it is stored once and
// messages keep their order: the owner refuses what comes before its time (SEQUENCE_GAP), and it goes again then.
import { RoundhouseError } from "../../errors.ts";
import { REMEMBERED_BATCHES, sequenceAfter } from "../producers.ts";
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

/** A batch under way. Never rejects: null when it is stored, else why it was given up. */
interface Flight {
  readonly over: Promise<unknown>;
  isOver: boolean;
}

export function createLane(options: LaneOptions): Lane {
  const { lingerMs, batchMessagesMax, batchBytesMax } = options;
  const waiting: Outgoing[] = [];
  let waitingBytes = 0;
  let linger: NodeJS.Timeout | NodeJS.Immediate | null = null;
  /** Oldest first, from the oldest that is not over: never more than the owner remembers. */
  const flights: Flight[] = [];
  /** Null: the next batch needs a new id, since what became of one before it is not known. */
  let producer: ProducerId | null = null;
  /** A batch of this id is stored: until then its owner takes any sequence for the first one, so one goes alone. */
  let isKnown = false;
  let sequence = 0;

  function push(outgoing: Outgoing): void {
    waiting.push(outgoing);
    waitingBytes += outgoing.bytes;
    if (waiting.length >= batchMessagesMax || waitingBytes >= batchBytesMax) pump();
    else if (mayLaunch() && linger === null) {
      linger = lingerMs > 0 ? setTimeout(pump, lingerMs) : setImmediate(pump);
    }
  }

  const mayLaunch = (): boolean => flights.length === 0 || (isKnown && flights.length < REMEMBERED_BATCHES);

  /** What gathers while no batch may go goes as soon as one may: it has lingered enough. */
  function pump(): void {
    if (linger !== null && lingerMs > 0) clearTimeout(linger as NodeJS.Timeout);
    else if (linger !== null) clearImmediate(linger as NodeJS.Immediate);
    linger = null;
    while (waiting.length > 0 && mayLaunch()) launch(takeBatch());
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

  function launch(batch: readonly Outgoing[]): void {
    const flight: Flight = { over: sendBatch(batch, flights.at(-1)), isOver: false };
    flights.push(flight);
    void flight.over.then((failure) => {
      flight.isOver = true;
      // What comes after a batch that was given up begins anew, when nothing of the old id is under way.
      if (failure !== null) producer = null;
      isKnown = producer !== null;
      while (flights[0]?.isOver === true) flights.shift();
      pump();
    });
  }

  async function sendBatch(batch: readonly Outgoing[], before: Flight | undefined): Promise<unknown> {
    try {
      const packed = packBatch(
        batch.map((one) => one.record),
        { timestampMs: Date.now(), compression: options.compression, producer: await claim(batch.length) },
      );
      const baseOffset = await sendInOrder(packed, before);
      for (const [index, one] of batch.entries()) one.stored(baseOffset + index);
      return null;
    } catch (error) {
      for (const one of batch) one.failed(error as RoundhouseError);
      return error;
    }
  }

  async function claim(count: number): Promise<ProducerId & { readonly sequence: number }> {
    if (producer === null) {
      producer = await options.newProducer();
      sequence = 0;
    }
    const claimed = { ...producer, sequence };
    sequence = sequenceAfter(sequence, count);
    return claimed;
  }

  /** One that has overtaken the batch before it is sent again when that one is stored, or fails with it. */
  async function sendInOrder(packed: Buffer, before: Flight | undefined): Promise<number> {
    try {
      return await options.send(packed);
    } catch (error) {
      const overtook = error instanceof RoundhouseError && error.code === "SEQUENCE_GAP";
      if (!overtook || before === undefined) throw error;
      const failure = await before.over;
      if (failure !== null) throw failure;
      return options.send(packed);
    }
  }

  return { push, hurry: pump };
}
