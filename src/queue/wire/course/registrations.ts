// Registrations of producers and consumers: small records that their home tablets keep as notes. A registration's home
// follows from its id, so that every broker finds it; the home's owner alone changes it, and keeps it in memory while
// the tablet is open there.
import type { Tablet } from "../../tablet.ts";
import { CourseFailure } from "./reply.ts";

export interface ProducerRecord {
  readonly topic: string;
  /** Null: every shard in turn. */
  readonly part: string | null;
  /** The shard, counted in the order of creation, that has its turn; behind the last one the first follows. */
  turn: number;
  /** Only once it has numbered its messages: where the next one of each shard stands, and the last numbers' places. */
  numbered?: NumberedRecord;
}

export interface NumberedRecord {
  /** By shard number: producer epoch and next sequence of the idempotent appends. */
  readonly shards: Record<string, { epoch: number; next: number }>;
  /** The last numbers that were seen, oldest first, with the place that each one got. */
  readonly sent: NumberedPlace[];
}

export interface NumberedPlace {
  readonly sequence: number;
  readonly shard: string;
  /** The shard's own number, and where in the producer's count the message stands there. */
  readonly number: number;
  epoch: number;
  at: number;
  /** It is known to be stored. Written with the next number: until then the append itself tells a repetition. */
  done?: true;
}

export interface ConsumerRecord {
  readonly topic: string;
  /** Null: every shard in turn. */
  readonly part: string | null;
  /** By shard number: offset of the next message; shards that are not named are read from their beginning. */
  readonly places: Record<string, number>;
  /** The shard, counted in the order of creation, that has its turn. */
  turn: number;
  /** Messages handed out so far. */
  taken: number;
  /** Where the last one lies. */
  last: { shard: number; offset: number } | null;
}

/** Where the registration with this id lives. */
export const homeOf = (id: number, tabletCount: number): number => id % tabletCount;

export const producerNote = (id: number): string => `course-producer-${id}`;
/** What the notes of all consumers begin with; their ids follow. */
export const CONSUMER_NOTES = "course-consumer-";
export const consumerNote = (id: number): string => CONSUMER_NOTES + id;

export interface Registration<R> {
  readonly record: R;
  /** Writes the record as it is now; durable when it resolves. */
  save(): Promise<void>;
  /** Runs after what was asked for before, and before what is asked for later. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
}

interface Held {
  readonly registration: Registration<unknown>;
  waiting: number;
}

/** Those kept in memory for each tablet; more are read again when they are needed. */
const HELD_MAX = 10_000;
const heldByTablet = new WeakMap<Tablet, Map<string, Held>>();

/** The registration that this note of the tablet holds. Throws when there is none. */
export function registrationIn<R>(tablet: Tablet, note: string, what: string): Registration<R> {
  const held = heldByTablet.get(tablet) ?? new Map<string, Held>();
  heldByTablet.set(tablet, held);
  const known = held.get(note);
  if (known !== undefined) return known.registration as Registration<R>;
  const content = tablet.note(note);
  if (content === null) throw new CourseFailure(`${what} does not exist; register first`);
  if (held.size >= HELD_MAX) for (const [name, { waiting }] of held) if (waiting === 0) held.delete(name);
  const registration = hold<R>(tablet, note, JSON.parse(content.toString()) as R, held);
  return registration;
}

function hold<R>(tablet: Tablet, note: string, record: R, held: Map<string, Held>): Registration<R> {
  let last: Promise<unknown> = Promise.resolve();
  const registration: Registration<R> = {
    record,
    save: () => tablet.setNote(note, Buffer.from(JSON.stringify(record))),
    inTurn(work) {
      entry.waiting++;
      const mine = last.then(work).finally(() => {
        entry.waiting--;
      });
      last = mine.catch(() => {});
      return mine;
    },
  };
  const entry: Held = { registration, waiting: 0 };
  held.set(note, entry);
  return registration;
}
