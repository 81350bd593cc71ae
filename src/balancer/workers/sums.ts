// Adds up what several data planes have counted. Readings hold numbers, typed arrays of them, and maps and objects of
// those: everything in them adds up, so that a new counter needs no line here.
import type { TrafficSum } from "../../telemetry/traffic.ts";
import { departedName } from "../../telemetry/traffic.ts";
import type { DataPlaneReading } from "../data-plane.ts";
import type { HotKey, HotKeysReading } from "../hot-keys.ts";
import type { ReplicaCondition } from "../replica-condition.ts";

export function sumOf<Reading extends object>(readings: readonly Reading[]): Reading | null {
  return readings.length === 0 ? null : readings.reduce((left, right) => added(left, right));
}

function added<Value>(left: Value, right: Value): Value {
  return add(left, right) as Value;
}

function add(left: unknown, right: unknown): unknown {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (typeof left === "number") return left + (right as number);
  if (left instanceof Float64Array)
    return left.map((value, at) => value + ((right as Float64Array)[at] ?? 0));
  if (left instanceof Map) {
    const sum = new Map<unknown, unknown>(left);
    for (const [key, value] of right as Map<unknown, unknown>) sum.set(key, add(sum.get(key), value));
    return sum;
  }
  const names = Object.keys({ ...(left as object), ...(right as object) });
  const [a, b] = [left, right] as [Record<string, unknown>, Record<string, unknown>];
  return Object.fromEntries(names.map((name) => [name, add(a[name], b[name])]));
}

/** The same figures, all of them 0. */
export function zeroed<Reading>(reading: Reading): Reading {
  return nought(reading) as Reading;
}

function nought(value: unknown): unknown {
  if (typeof value === "number") return 0;
  if (value instanceof Map) return new Map();
  if (typeof value !== "object" || value === null || value instanceof Float64Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, nought(each)]));
}

/**
 * What a worker that has ended leaves behind: its counts stay in the totals, what it had open does not. Replicas that
 * nobody serves any more are added up under one name, so that a year of rolls does not grow the page.
 */
export function leftBehind(reading: DataPlaneReading, serving: ReadonlySet<string>): DataPlaneReading {
  const traffic = new Map<string, TrafficSum>();
  for (const [name, sum] of reading.traffic) {
    const label = serving.has(name) || name.startsWith("(") ? name : departedName;
    traffic.set(label, added(traffic.get(label) as TrafficSum, sum));
  }
  return {
    ...reading,
    traffic,
    connections: 0,
    held: 0,
    waiting: new Map(),
    full: new Map(),
    ejected: new Map(),
    ejectionPanics: 0,
  };
}

/** A key is as hot as it is in all workers together. */
export function hottest(readings: readonly HotKeysReading[], count: number): HotKeysReading | null {
  const first = readings[0];
  if (first === undefined) return null;
  const ratePerS = readings.reduce((sum, reading) => sum + reading.ratePerS, 0);
  const byKey = new Map<HotKey["key"], HotKey>();
  for (const each of readings.flatMap(({ keys }) => keys)) {
    const known = byKey.get(each.key);
    const rate = each.ratePerS + (known?.ratePerS ?? 0);
    const errorPerS = each.errorPerS + (known?.errorPerS ?? 0);
    byKey.set(each.key, { ...each, ratePerS: rate, errorPerS, share: ratePerS === 0 ? 0 : rate / ratePerS });
  }
  const keys = [...byKey.values()].sort((a, b) => b.ratePerS - a.ratePerS).slice(0, count);
  return { ratePerS, sampledOneIn: Math.max(...readings.map((reading) => reading.sampledOneIn)), keys };
}

/** A replica is as full, or as set aside, as in the worker where it is worst. */
export function worstCondition(conditions: readonly ReplicaCondition[]): ReplicaCondition | null {
  if (conditions.length === 0) return null;
  return {
    ejection:
      (conditions.find(({ ejection }) => ejection !== null && ejection.phase !== "serving") ?? conditions[0])
        ?.ejection ?? null,
    waiting: conditions.reduce((sum, { waiting }) => sum + waiting, 0),
    full: conditions.some(({ full }) => full),
  };
}
