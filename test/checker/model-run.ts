// One history of a model broker: producers that send again when no answer comes, readers that read during the faults
// and move about, syncs, crashes and replaced owners, all at the times that a seed decides.
import { seededRandom } from "../../src/load/random.ts";
import { createAgenda } from "../queue/agenda.ts";
import type { History, Outcome, Poll, Produce, Seek } from "./history.ts";
import { type Answer, createModelBroker, type Defect } from "./model-broker.ts";

export interface ModelOptions {
  readonly seed: number;
  readonly shards: number;
  readonly producers: number;
  readonly readers: number;
  readonly defect?: Defect;
}

const ENDS_AT = 3000;
const ANSWER_WITHIN = 40;
const TRIES_MAX = 4;

export function runModel({ seed, shards, producers, readers, defect }: ModelOptions): History {
  const random = seededRandom(seed);
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low));
  const agenda = createAgenda();
  const broker = createModelBroker(shards, random, defect ?? null);
  const history: (Produce | Poll | Seek)[] = [];
  const busy = (): boolean => agenda.nowMs() < ENDS_AT;
  const nameOf = (shard: number): string => `P${shard + 1}`;

  /** One message at a time; a producer whose message had no answer goes on under another id. */
  function produceOn(process: string, id: number, sequence: number): void {
    if (!busy()) return;
    const shard = between(0, shards);
    const producer = `${process}/${id}`;
    const stored = { value: `${producer}-${sequence}`, producer, sequence };
    const startedAt = agenda.nowMs();
    let over = false;
    const end = (outcome: Outcome, offset: number | null): void => {
      if (over) return;
      over = true;
      const times = { startedAt, endedAt: agenda.nowMs() };
      history.push({
        kind: "produce",
        process,
        shard: nameOf(shard),
        values: [stored.value],
        offset,
        outcome,
        ...times,
      });
      const next =
        outcome === "unknown"
          ? () => produceOn(process, id + 1, 0)
          : () => produceOn(process, id, sequence + 1);
      agenda.later(between(1, 20), next);
    };
    const answered = (answer: Answer): void => {
      if (random() < 0.1) return; // lost on its way
      agenda.later(between(0, 10), () => {
        if (answer.kind === "stored") end("ok", answer.offset);
        // A refusal of what was sent again says nothing of what became of the first sending.
        else end(tries > 1 ? "unknown" : "fail", null);
      });
    };
    let tries = 0;
    const send = (): void => {
      if (over) return;
      if (++tries > TRIES_MAX) {
        end("unknown", null);
        return;
      }
      if (random() > 0.1) agenda.later(between(0, 10), () => broker.append(shard, stored, answered));
      agenda.later(ANSWER_WITHIN, send);
    };
    send();
  }

  function readOn(process: string, places: number[], until: () => boolean): void {
    const shard = between(0, shards);
    const startedAt = agenda.nowMs();
    const times = { startedAt, endedAt: startedAt };
    if (random() < 0.02) {
      places[shard] = 0;
      history.push({ kind: "seek", process, shard: nameOf(shard), offset: 0, ...times });
    }
    const messages = broker.read(shard, places[shard] ?? 0, between(1, 10));
    const last = messages.at(-1);
    if (last !== undefined) places[shard] = last.offset + 1;
    history.push({ kind: "poll", process, shard: nameOf(shard), messages, ...times });
    if (until()) agenda.later(between(1, 30), () => readOn(process, places, until));
  }

  function trouble(): void {
    const shard = between(0, shards);
    if (random() < 0.5) broker.crash(shard);
    else broker.replaceOwner(shard);
    if (busy()) agenda.later(between(50, 400), trouble);
  }

  function syncOn(shard: number): void {
    broker.sync(shard);
    if (busy()) agenda.later(between(1, 15), () => syncOn(shard));
  }

  for (let i = 0; i < producers; i++) produceOn(`producer${i}`, 0, 0);
  for (let i = 0; i < readers; i++) readOn(`reader${i}`, new Array<number>(shards).fill(0), busy);
  for (let shard = 0; shard < shards; shard++) syncOn(shard);
  agenda.later(between(50, 400), trouble);
  for (let run = agenda.next(2 * ENDS_AT); run !== null; run = agenda.next(2 * ENDS_AT)) run();
  broker.finish();
  readToTheEnd(broker, history, nameOf);
  return history;
}

function readToTheEnd(
  broker: ReturnType<typeof createModelBroker>,
  history: (Produce | Poll | Seek)[],
  nameOf: (shard: number) => string,
): void {
  const times = { startedAt: 3 * ENDS_AT, endedAt: 3 * ENDS_AT };
  for (let shard = 0; shard < broker.shardCount; shard++) {
    const messages = broker.read(shard, 0, Number.MAX_SAFE_INTEGER);
    history.push({ kind: "seek", process: "last reader", shard: nameOf(shard), offset: 0, ...times });
    history.push({ kind: "poll", process: "last reader", shard: nameOf(shard), messages, ...times });
  }
}
