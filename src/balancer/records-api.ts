// What the admin listener tells of the records: the last quarter of an hour, and each replica's figures, life and last
// words. Routes like those of admin-api.ts; keeping the records is records.ts.
import { RoundhouseError } from "../errors.ts";
import type { Departure, Moment } from "../fleet/chronicle.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { OutputLine } from "../fleet/launchers/recent-output.ts";
import type { AdminRoute } from "../telemetry/admin.ts";
import { type HistoryReport, historyStepMs, type ReplicaHistory } from "../telemetry/history.ts";
import type { ReplicaFigures } from "../telemetry/traffic-step.ts";
import type { Records } from "./records.ts";

export interface RecordsApiParts {
  readonly fleet: Pick<Fleet, "replicas" | "spares">;
  readonly records: Records;
}

/** `GET /api/v1/history?since=MS&replicas=12`: steps that ended after `since`, and the busiest replicas. */
export interface TrafficHistoryReport extends HistoryReport {
  readonly stepMs: number;
}

/** `GET /api/v1/replicas`. */
export interface ReplicasReport {
  /** Of the last step, by name; who is not in the ring and answered nothing has none. */
  readonly figures: Readonly<Record<string, ReplicaFigures>>;
  /** The last hundred that are gone, the latest first. */
  readonly departures: readonly Omit<Departure, "life">[];
  /** How many have gone since the start. */
  readonly departed: number;
}

/** `GET /api/v1/replicas/NAME`: of one that lives, or is gone and not forgotten. */
export interface ReplicaDetails {
  readonly name: string;
  /** Null while it lives. */
  readonly departure: Omit<Departure, "life"> | null;
  /** Who had its seat before, where it took it over. */
  readonly predecessor: string | null;
  readonly life: readonly Moment[];
  /** Null: it is not in the ring, and answered nothing. */
  readonly figures: ReplicaFigures | null;
  readonly history: ReplicaHistory | null;
  /** Its last lines of output, the oldest first; null: nobody here sees what it writes, or it is long gone. */
  readonly output: readonly OutputLine[] | null;
}

const busiestMax = 64;

/** @param route guards an answer like those of the other routes */
export function recordsApi(
  { fleet, records }: RecordsApiParts,
  route: (answer: AdminRoute["answer"]) => AdminRoute,
): Readonly<Record<string, AdminRoute>> {
  return {
    "GET /api/v1/history": route((query): TrafficHistoryReport => {
      const since = numberIn(query, "since", 0, Number.MAX_SAFE_INTEGER);
      const replicas = numberIn(query, "replicas", 12, busiestMax);
      return { stepMs: historyStepMs, ...records.history.report(since, replicas) };
    }),
    "GET /api/v1/replicas": route(() => replicasReport(records)),
    "GET /api/v1/replicas/*": route((_query, _body, name) => replicaDetails({ fleet, records }, name)),
  };
}

function replicasReport({ history, chronicle }: Records): ReplicasReport {
  return {
    figures: Object.fromEntries(history.latest?.replicas ?? []),
    departures: chronicle.departures().map(withoutLife),
    departed: chronicle.departed,
  };
}

function replicaDetails({ fleet, records }: RecordsApiParts, name: string): ReplicaDetails {
  const { history, chronicle, outputOf } = records;
  const lives = [...fleet.replicas(), ...fleet.spares()].find((replica) => replica.name === name);
  const departure = chronicle.departures().find((each) => each.name === name);
  if (lives === undefined && departure === undefined) {
    throw new RoundhouseError(
      "NOT_FOUND",
      `There is no replica "${name}", and none of that name is among the last that have gone`,
      { source: "downstream" },
    );
  }
  const spareLife =
    lives === undefined ? [] : [{ state: lives.state, atMs: lives.sinceMs, reason: lives.reason }];
  return {
    name,
    departure: lives === undefined && departure !== undefined ? withoutLife(departure) : null,
    predecessor: chronicle.predecessorOf(name),
    life: chronicle.lifeOf(name) ?? spareLife,
    figures: history.latest?.replicas.get(name) ?? null,
    history: history.replica(name),
    output: outputOf(name),
  };
}

function withoutLife({ life: _life, ...rest }: Departure): Omit<Departure, "life"> {
  return rest;
}

function numberIn(query: URLSearchParams, name: string, otherwise: number, max: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && value <= max) return value;
  throw new RoundhouseError(
    "BAD_REQUEST",
    `${name} is ${JSON.stringify(text.slice(0, 40))}; a whole number from 0 to ${max} is needed`,
    { source: "downstream" },
  );
}
