// What an operator may change about routing while requests run, and what there is to see first: hot keys, the bound on
// loads, spread keys, weights. Routes of the admin listener, like admin-api.ts; what the changes do is in policies/.
import { RoundhouseError } from "../errors.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { checkWeight } from "../fleet/weight.ts";
import type { Key } from "../ring/ring.ts";
import type { AdminRoute } from "../telemetry/admin.ts";
import type { HotKey, HotKeysReading } from "./hot-keys.ts";
import type { HashingCounters } from "./policies/hashing.ts";
import type { PolicyName } from "./policies/named.ts";
import { type Spread, type Steering, spreadsMax } from "./policies/steering.ts";
import type { RoutingTable } from "./routing-table.ts";

export interface SteeringApiParts {
  readonly fleet: Pick<Fleet, "replicas" | "setWeight">;
  readonly table: Pick<RoutingTable, "current" | "steer">;
  readonly routingPolicy: PolicyName;
  readonly counters: () => HashingCounters;
  /** Null: no key decides where a request goes, or every request has a random one. */
  readonly hotKeys: (count: number) => HotKeysReading | null;
}

/** `GET /api/v1/policy`, and the answer to what changes it. */
export interface PolicyReport {
  readonly policy: PolicyName;
  readonly boundedLoad: number | "off";
  /** Requests routed while loads were bounded, those that another replica got for it, and their share 0…1. */
  readonly bounded: number;
  readonly overflowed: number;
  readonly overflowShare: number;
  readonly spreads: readonly SpreadReport[];
}

export interface SpreadReport extends Spread {
  /** Who serves the key now. */
  readonly replicas: readonly string[];
}

/** `GET /api/v1/hot-keys?count=10`. */
export interface HotKeysReport extends HotKeysReading {
  readonly keys: readonly HotKeyReport[];
}

export interface HotKeyReport extends HotKey {
  /** The owner; null when nobody serves. */
  readonly replica: string | null;
  /** Over how many replicas it is spread; null: it is not. */
  readonly over: number | null;
}

/** `PUT /api/v1/replicas/NAME`. */
export interface WeightReport {
  readonly name: string;
  readonly weight: number;
}

const hotKeysMax = 100;
const keyCharsMax = 4096;

/** @param route guards an answer like those of the other routes */
export function steeringApi(
  parts: SteeringApiParts,
  route: (answer: AdminRoute["answer"]) => AdminRoute,
): Readonly<Record<string, AdminRoute>> {
  const { table } = parts;
  const steer = (change: Partial<Steering>) => {
    refuseUnlessHashing(parts.routingPolicy);
    table.steer({ ...table.current.steering, ...change });
    return policyReport(parts);
  };
  const spreads = () => table.current.steering.spreads;
  return {
    "GET /api/v1/policy": route(() => policyReport(parts)),
    "GET /api/v1/hot-keys": route((query) => askedHotKeys(parts, query)),
    "PUT /api/v1/bounded-load": route((_query, body) => steer({ loadFactor: factorIn(body) })),
    "PUT /api/v1/spreads": route((_query, body) => steer({ spreads: withSpread(parts, spreadIn(body)) })),
    "DELETE /api/v1/spreads": route((query) => steer({ spreads: without(spreads(), keyIn(query)) })),
    "PUT /api/v1/replicas/*": route((_query, body, name) => setWeight(parts, name, body)),
  };
}

function refuseUnlessHashing(policy: PolicyName): void {
  if (policy === "hash") return;
  throw bad(`With the policy ${policy} no key decides where a request goes: this is for the policy hash`);
}

export function policyReport({ table, routingPolicy, counters }: SteeringApiParts): PolicyReport {
  const { steering } = table.current;
  const { bounded, overflowed } = counters();
  return {
    policy: routingPolicy,
    boundedLoad: steering.loadFactor ?? "off",
    bounded,
    overflowed,
    overflowShare: bounded === 0 ? 0 : overflowed / bounded,
    spreads: steering.spreads.map((spread) => ({ ...spread, replicas: replicasFor(table, spread) })),
  };
}

function replicasFor({ current }: SteeringApiParts["table"], { key, over }: Spread): string[] {
  const names = [...current.ring.candidates(key)].flatMap(
    (seat) => current.upstreamsBySeat[seat]?.name ?? [],
  );
  return names.slice(0, over);
}

function askedHotKeys(parts: SteeringApiParts, query: URLSearchParams): HotKeysReport {
  const count = Number(query.get("count") ?? 10);
  if (!Number.isInteger(count) || count < 1 || count > hotKeysMax) {
    throw bad(
      `count is ${JSON.stringify(query.get("count"))}; a whole number from 1 to ${hotKeysMax} is needed`,
    );
  }
  const report = hotKeysReport(parts, count);
  if (report !== null) return report;
  throw bad("There are no hot keys to find: every request has a key of its own, or none");
}

/** Null: keys do not recur. */
export function hotKeysReport(parts: SteeringApiParts, count: number): HotKeysReport | null {
  const reading = parts.hotKeys(count);
  if (reading === null) return null;
  return { ...reading, keys: reading.keys.map((key) => ({ ...key, ...placeOf(parts, key) })) };
}

/** A key that was cut cannot be looked up. */
function placeOf({ table }: SteeringApiParts, { key, cut }: HotKey): Pick<HotKeyReport, "replica" | "over"> {
  const { ring, upstreamsBySeat, steering } = table.current;
  return {
    replica: cut ? null : (upstreamsBySeat[ring.lookup(key)]?.name ?? null),
    over: steering.spreads.find((spread) => spread.key === key)?.over ?? null,
  };
}

function factorIn(body: unknown): number | null {
  const { factor } = (body ?? {}) as { factor?: unknown };
  if (factor === "off") return null;
  if (typeof factor === "number" && factor > 1 && factor <= 100) return factor;
  throw bad(
    `factor is ${JSON.stringify(factor) ?? "missing"}; a number above 1, at most 100, or "off" is needed, such as {"factor":1.25}`,
  );
}

function spreadIn(body: unknown): Spread {
  const { key, id, over } = (body ?? {}) as { key?: unknown; id?: unknown; over?: unknown };
  if (typeof over !== "number" || !Number.isInteger(over) || over < 2 || over > 64) {
    throw bad(
      `over is ${JSON.stringify(over) ?? "missing"}; a whole number of replicas from 2 to 64 is needed, such as {"key":"/popular","over":3}`,
    );
  }
  return { key: checkedKey(key, id), over };
}

function keyIn(query: URLSearchParams): Key {
  const id = query.get("id");
  return checkedKey(
    query.get("key") ?? undefined,
    id === null || !/^\d{1,15}$/.test(id) ? undefined : Number(id),
  );
}

/** A text and a number are different keys; see `Key`. */
function checkedKey(key: unknown, id: unknown): Key {
  if (typeof key === "string" && id === undefined && key.length <= keyCharsMax) return key;
  if (key === undefined && typeof id === "number" && Number.isSafeInteger(id) && id >= 0) return id;
  throw bad(
    `Either key, a text of at most ${keyCharsMax} characters, or id, a whole number, is needed to name the key`,
  );
}

function withSpread({ table }: SteeringApiParts, spread: Spread): readonly Spread[] {
  const others = table.current.steering.spreads.filter(({ key }) => key !== spread.key);
  if (others.length < spreadsMax) return [...others, spread];
  throw bad(`${spreadsMax} keys are spread already, which is the most; stop spreading one first`);
}

function without(spreads: readonly Spread[], key: Key): readonly Spread[] {
  const left = spreads.filter((spread) => spread.key !== key);
  if (left.length < spreads.length) return left;
  throw bad(`The key ${JSON.stringify(key)} is not spread; GET /api/v1/policy lists those that are`);
}

function setWeight(parts: SteeringApiParts, name: string, body: unknown): WeightReport {
  const { weight } = (body ?? {}) as { weight?: unknown };
  checkWeight(name, weight);
  refuseUnfit(parts, name, weight);
  parts.fleet.setWeight(name, weight);
  return { name, weight };
}

/** Not every placement can have every weight; one that cannot would keep its old ring, and say so in the log only. */
function refuseUnfit({ fleet, table }: SteeringApiParts, name: string, weight: number): void {
  const seat = fleet.replicas().find((replica) => replica.name === name)?.seat;
  const { ring } = table.current;
  if (ring.placement === "rendezvous" || !ring.members.some((member) => member.seat === seat)) return;
  try {
    ring.with({ weights: new Map([[seat as number, weight]]) });
  } catch (cause) {
    throw bad((cause as Error).message);
  }
}

function bad(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}
