// From a history to what is wrong with it. A pure function: it knows no broker, and trusts nothing but the answers that
// clients were given. After Jepsen's Kafka workload (jepsen.tests.kafka: lost, unseen, duplicate, inconsistent
// offsets, nonmonotonic and skipped polls, aborted reads).
import type { History, Poll, Produce } from "./history.ts";

export type FindingKind =
  /** Acknowledged, never read by anyone, though a reader went past its place. */
  | "lost"
  /** Acknowledged, and at the end of the history still not read by anyone. */
  | "unseen"
  /** One value at two places. */
  | "duplicated"
  /** One offset with two values. */
  | "inconsistent"
  /** Acknowledged before another was sent, and behind it in the log. */
  | "reordered"
  /** A reader went past a message that is there. */
  | "skipped"
  /** A reader was given an offset again, or an earlier one, without having moved. */
  | "nonmonotonic"
  /** Read, though it was never produced, or was refused, or was produced to another shard. */
  | "phantom";

export interface Finding {
  readonly kind: FindingKind;
  readonly shard: string;
  /** What was seen, for people. */
  readonly text: string;
}

/** What all answers together say about one shard. */
interface Log {
  /** The first value that was told for each offset, and who told it. */
  readonly valueAt: Map<number, { readonly value: string; readonly told: string }>;
  /** Offsets that some poll returned. */
  readonly read: Set<number>;
  /** Values that some poll returned. */
  readonly readValues: Set<string>;
}

/** A produced value with the operation that it was part of. */
interface Sent {
  readonly value: string;
  readonly operation: Produce;
  /** Its place, where an answer or a poll has told it. */
  offset: number | null;
}

/** @param finished false while readers have not yet read to the end: what is unread then is no finding. */
export function checkHistory(history: History, { finished = true } = {}): readonly Finding[] {
  const findings: Finding[] = [];
  const find = (kind: FindingKind, shard: string, text: string): void => {
    findings.push({ kind, shard, text });
  };
  const logs = new Map<string, Log>();
  const sent = sentValues(history);
  for (const operation of history) {
    if (operation.kind === "seek") continue;
    const log = logs.get(operation.shard) ?? { valueAt: new Map(), read: new Set(), readValues: new Set() };
    logs.set(operation.shard, log);
    for (const { offset, value, told } of toldBy(operation)) {
      const before = log.valueAt.get(offset);
      if (before === undefined) log.valueAt.set(offset, { value, told });
      else if (before.value !== value) {
        find(
          "inconsistent",
          operation.shard,
          `offset ${offset}: ${before.value} (${before.told}), and ${value} (${told})`,
        );
      }
      if (operation.kind !== "poll") continue;
      log.read.add(offset);
      log.readValues.add(value);
    }
  }
  checkValues(logs, sent, find);
  const crossed = checkReaders(history, logs, find);
  checkUnread(logs, sent, crossed, finished, find);
  checkOrder(sent, find);
  return findings;
}

type Find = (kind: FindingKind, shard: string, text: string) => void;

function sentValues(history: History): Map<string, Sent> {
  const sent = new Map<string, Sent>();
  for (const operation of history) {
    if (operation.kind !== "produce") continue;
    for (const value of operation.values) {
      if (sent.has(value)) throw new TypeError(`The history is of no use: ${value} is produced twice`);
      sent.set(value, { value, operation, offset: null });
    }
  }
  return sent;
}

function toldBy(operation: Produce | Poll): { offset: number; value: string; told: string }[] {
  if (operation.kind === "poll") {
    return operation.messages.map((message) => ({ ...message, told: `read by ${operation.process}` }));
  }
  const { offset, outcome, values, process } = operation;
  if (outcome !== "ok" || offset === null) return [];
  return values.map((value, i) => ({ offset: offset + i, value, told: `acknowledged to ${process}` }));
}

/** Each value has one place, and was sent there. */
function checkValues(logs: Map<string, Log>, sent: Map<string, Sent>, find: Find): void {
  const placeOf = new Map<string, string>();
  for (const [shard, { valueAt, read }] of logs) {
    for (const [offset, { value, told }] of valueAt) {
      const place = `${shard} offset ${offset}`;
      const other = placeOf.get(value);
      if (other !== undefined) find("duplicated", shard, `${value} is at ${other} and at ${place}`);
      placeOf.set(value, place);
      const origin = sent.get(value);
      if (origin !== undefined) origin.offset ??= offset;
      if (!read.has(offset)) continue;
      const why = phantomReason(origin?.operation, shard);
      if (why !== null) find("phantom", shard, `offset ${offset}: ${value} (${told}) ${why}`);
    }
  }
}

function phantomReason(origin: Produce | undefined, shard: string): string | null {
  if (origin === undefined) return "was never produced";
  if (origin.outcome === "fail") return "was refused";
  return origin.shard === shard ? null : `was produced to ${origin.shard}`;
}

/** Follows each reader through each shard; returns the places that readers went past and nobody ever read. */
function checkReaders(history: History, logs: Map<string, Log>, find: Find): Set<string> {
  const crossed = new Set<string>();
  /** Where each reader reads on; null: anywhere. */
  const standsAt = new Map<string, number | null>();
  for (const operation of history) {
    if (operation.kind === "produce") continue;
    const { process, shard } = operation;
    const reader = JSON.stringify([process, shard]);
    if (operation.kind === "seek") {
      standsAt.set(reader, operation.offset);
      continue;
    }
    let next = standsAt.get(reader) ?? null;
    for (const { offset, value } of operation.messages) {
      if (next !== null && offset < next) {
        find("nonmonotonic", shard, `${process} stood at ${next} and was given ${value} at ${offset}`);
      }
      for (let passed = next ?? offset; passed < offset; passed++) {
        const log = logs.get(shard);
        const there = log?.valueAt.get(passed);
        if (there === undefined) continue;
        if (log?.read.has(passed)) {
          find(
            "skipped",
            shard,
            `${process} went from ${next} to ${offset}, past ${there.value} at ${passed}`,
          );
        } else crossed.add(JSON.stringify([shard, passed]));
      }
      next = offset + 1;
    }
    standsAt.set(reader, next);
  }
  return crossed;
}

function checkUnread(
  logs: Map<string, Log>,
  sent: Map<string, Sent>,
  crossed: Set<string>,
  finished: boolean,
  find: Find,
): void {
  const readSince = latestRead(logs, sent);
  for (const { value, operation, offset } of sent.values()) {
    if (operation.outcome !== "ok") continue;
    const { shard, process } = operation;
    const log = logs.get(shard);
    if (log?.readValues.has(value)) continue;
    const where = offset === null ? "" : ` at ${offset}`;
    const text = `${value}, acknowledged to ${process}${where}, was never read`;
    const passed =
      offset === null
        ? (readSince.get(shard) ?? Number.NEGATIVE_INFINITY) > operation.endedAt
        : log?.read.has(offset) || crossed.has(JSON.stringify([shard, offset]));
    if (passed) find("lost", shard, `${text}, and what lies behind it was`);
    else if (finished) find("unseen", shard, text);
  }
}

/** By shard: the latest start of an operation whose values were read. What ended before it lies before it. */
function latestRead(logs: Map<string, Log>, sent: Map<string, Sent>): Map<string, number> {
  const latest = new Map<string, number>();
  for (const { operation, offset } of sent.values()) {
    if (offset === null || !logs.get(operation.shard)?.read.has(offset)) continue;
    const before = latest.get(operation.shard) ?? Number.NEGATIVE_INFINITY;
    latest.set(operation.shard, Math.max(before, operation.startedAt));
  }
  return latest;
}

/** What was acknowledged before another operation began lies before it; values of one operation keep their order. */
function checkOrder(sent: Map<string, Sent>, find: Find): void {
  const byShard = new Map<string, Sent[]>();
  for (const one of sent.values()) {
    if (one.offset === null) continue;
    const shard = byShard.get(one.operation.shard) ?? [];
    byShard.set(one.operation.shard, shard);
    shard.push(one);
  }
  for (const [shard, ones] of byShard) {
    ones.sort((a, b) => Number(a.offset) - Number(b.offset));
    /** Of those passed so far, the one that began last. */
    let latest: Sent | undefined;
    let before: Sent | undefined;
    for (const one of ones) {
      const { operation } = one;
      if (
        latest !== undefined &&
        operation.outcome === "ok" &&
        operation.endedAt < latest.operation.startedAt
      ) {
        find(
          "reordered",
          shard,
          `${latest.value} at ${latest.offset} was sent after ${one.value} at ${one.offset}`,
        );
      }
      if (before?.operation === operation) {
        const { values } = operation;
        if (values.indexOf(before.value) + 1 !== values.indexOf(one.value)) {
          find(
            "reordered",
            shard,
            `${before.value} at ${before.offset} came before ${one.value} in one batch`,
          );
        }
      }
      if (latest === undefined || operation.startedAt > latest.operation.startedAt) latest = one;
      before = one;
    }
  }
}
