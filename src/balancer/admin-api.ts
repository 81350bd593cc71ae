// The native admin API on the admin listener, under /api/v1: what `roundhouse status` and `roundhouse ring` show.
// These read, and have the configuration read again; steering-api.ts has what changes routing; replicas are added and
// removed through the front port. Errors are thrown and get their shape from the listener.
import type { IncomingMessage } from "node:http";
import { RoundhouseError } from "../errors.ts";
import type { Fleet, Replica, ReplicaState } from "../fleet/fleet.ts";
import type { RolloutReport } from "../fleet/revision.ts";
import type { Usage } from "../fleet/usage.ts";
import type { Key } from "../ring/ring.ts";
import type { AdminRoute } from "../telemetry/admin.ts";
import type { ReloadReport } from "./apply-config.ts";
import { type AuthorizationPolicy, pageRefusal, refusal } from "./authorization.ts";
import type { AutoscaleReport, Autoscaler } from "./autoscaler.ts";
import type { CertificateKeeper } from "./certificates.ts";
import type { DataPlane } from "./data-plane.ts";
import type { PolicyName } from "./policies/named.ts";
import { parsePreviewRequest } from "./preview-request.ts";
import { type RecordsApiParts, recordsApi } from "./records-api.ts";
import type { ChangeReplicas } from "./replica-changes.ts";
import type { ReplicaCondition } from "./replica-condition.ts";
import { replicaRequestIn } from "./replica-request.ts";
import { ringPicture, slotsReport } from "./ring-picture.ts";
import { type PreviewParts, previewReport } from "./ring-preview.ts";
import { type RolloutApiParts, rolloutApi } from "./rollout-api.ts";
import type { RoutingTable } from "./routing-table.ts";
import { type SteeringApiParts, steeringApi } from "./steering-api.ts";

export interface AdminApiParts extends SteeringApiParts, RolloutApiParts, RecordsApiParts {
  readonly fleet: Fleet;
  readonly table: RoutingTable;
  readonly conditionOf: DataPlane["conditionOf"];
  readonly autoscale: Autoscaler["report"];
  /** As configured, for people: `cookie:SID,ip`. */
  readonly key: string;
  readonly policy: AuthorizationPolicy;
  readonly change: ChangeReplicas;
  /** How keys are hashed, for previews of another placement. */
  readonly hashing: Omit<PreviewParts, "ring">;
  readonly reload: () => Promise<ReloadReport>;
  /** Resolves when what there should be now is on disk. */
  readonly saved: () => Promise<void>;
  /** Replaces the workers, the new ones first; gives how many. */
  readonly rollWorkers: () => Promise<number>;
  /** Null: TLS is off. */
  readonly certificates: CertificateKeeper | null;
}

/** `GET /api/v1/status`. */
export interface StatusReport {
  readonly policy: PolicyName;
  readonly placement: string;
  readonly slots: number;
  readonly key: string;
  /** How many replicas there should be, and how many are in the ring. */
  readonly desired: number;
  readonly serving: number;
  readonly respawns: number;
  readonly heartbeatFailures: number;
  readonly ringChanges: number;
  readonly replicas: readonly ReplicaReport[];
  /** Warm spares, which have no seat yet. */
  readonly spares: readonly ReplicaReport[];
  /** Null: it is off. */
  readonly autoscale: AutoscaleReport | null;
  /** New replicas that start to take over the seats of others; they have none yet either. */
  readonly understudies: readonly ReplicaReport[];
  readonly rollout: RolloutReport;
}

export interface ReplicaReport {
  readonly name: string;
  readonly state: ReplicaState;
  readonly seat: number;
  readonly weight: number;
  /** The part of its weight with which it counts while it starts slowly, 0…1; null while it is not in the ring. */
  readonly ramp: number | null;
  /** Of the key space, 0…1; null while it is not in the ring. */
  readonly share: number | null;
  /** Exchanges under way. */
  readonly inFlight: number;
  /** `host:port`, or null while unknown. */
  readonly address: string | null;
  readonly pid: number | null;
  /** Number of the program that it runs: 1 at first, one more with each roll-out. */
  readonly revision: number;
  /** Processor time per time, in hundredths of a core, and memory, as last looked at (every 2 s); null: not known. */
  readonly cpuPercent: number | null;
  readonly rssBytes: number | null;
  /** Set aside, full, waited for; null while it is not in the ring. */
  readonly condition: ReplicaCondition | null;
  /** Why it is in this state, in words, and since when, in ms since the Unix epoch. */
  readonly reason: string;
  readonly sinceMs: number;
}

/** `GET /api/v1/ring/lookup?key=…` (a text) or `?id=…` (a request id). */
export interface LookupReport {
  readonly key: Key;
  readonly slot: number;
  /** Replicas in order of preference, the owner first. */
  readonly candidates: readonly { readonly seat: number; readonly replica: string | null }[];
}

/** `GET /api/v1/ring/shares`. */
export interface SharesReport {
  readonly placement: string;
  readonly slots: number;
  readonly shares: readonly {
    readonly seat: number;
    readonly replica: string | null;
    readonly weight: number;
    readonly share: number;
  }[];
}

/** Candidates listed by a lookup. */
const candidatesMax = 16;

/** The routes, for the admin listener. Who may change replicas may read this; the port may be open to others. */
export function adminApi(parts: AdminApiParts): Readonly<Record<string, AdminRoute>> {
  const { table, saved } = parts;
  const route = (answer: AdminRoute["answer"]): AdminRoute => ({
    refuse: (request) =>
      readRefusal(request, parts.policy) ??
      (request.method === "GET" || request.method === "HEAD"
        ? null
        : pageRefusal(request.headers, parts.policy)),
    answer,
  });
  /** Changes nothing, whatever its method. */
  const reading = (answer: AdminRoute["answer"]): AdminRoute => ({
    refuse: (request) => readRefusal(request, parts.policy),
    answer,
  });
  return {
    "GET /api/v1/status": route(() => statusReport(parts)),
    "GET /api/v1/autoscale": route(() => autoscaleReport(parts)),
    "POST /api/v1/reload": route(async (query) => {
      const report = await parts.reload();
      return query.get("workers") === "roll" ? { ...report, rolled: await parts.rollWorkers() } : report;
    }),
    "GET /api/v1/ring/shares": route(() => sharesReport(table)),
    "GET /api/v1/ring/lookup": route((query) => lookupReport(table, query)),
    "POST /api/v1/replicas": route(async (_query, body) => {
      await parts.change("add", replicaRequestIn("add", body));
      return { serving: servingNames(parts.fleet) };
    }),
    "DELETE /api/v1/replicas/*": route(async (_query, _body, name) => {
      await parts.change("remove", replicaRequestIn("remove", { n: 1, hostnames: [name] }));
      return { serving: servingNames(parts.fleet) };
    }),
    "GET /api/v1/tls": route(() => certificatesOf(parts).report()),
    "POST /api/v1/tls/reload": route(() => certificatesOf(parts).reload()),
    "POST /api/v1/ring/preview": reading((_query, body) => {
      if (parts.routingPolicy !== "hash")
        throw bad("No key decides where a request goes: nothing would move");
      const change = parsePreviewRequest(body);
      return previewReport({ ...parts.hashing, ring: table.current.ring }, change);
    }),
    "GET /api/v1/ring": route((query) => ringPicture(table, query)),
    "GET /api/v1/ring/slots": route((query) => slotsReport(table, query)),
    ...recordsApi(parts, route),
    // What was answered as changed is on disk; where nothing has changed, nothing is written.
    ...steeringApi(parts, savedRoute),
    ...rolloutApi(parts, savedRoute),
  };

  function savedRoute(answer: AdminRoute["answer"]): AdminRoute {
    return route(async (...asked) => {
      const report = await answer(...asked);
      await saved();
      return report;
    });
  }
}

/** Null when the request may read what the admin API tells, else why not. */
export function readRefusal(
  { socket, headers }: IncomingMessage,
  policy: AuthorizationPolicy,
): string | null {
  return refusal(socket.remoteAddress ?? "", headers, policy);
}

function certificatesOf({ certificates }: AdminApiParts): CertificateKeeper {
  if (certificates !== null) return certificates;
  throw bad("TLS is off; give --tls-cert and --tls-key to switch it on");
}

function autoscaleReport({ autoscale }: AdminApiParts): AutoscaleReport {
  const report = autoscale();
  if (report !== null) return report;
  throw bad("Autoscale is off; give --autoscale 1..8 and a target such as --target-in-flight 5");
}

function servingNames(fleet: Fleet): string[] {
  return fleet.serving().map(({ name }) => name);
}

export function statusReport(parts: AdminApiParts): StatusReport {
  const { fleet, table, conditionOf, key, routingPolicy } = parts;
  const { ring } = table.current;
  const weightsNow = new Map(table.current.replicas.map(({ name, weight }) => [name, weight]));
  const shares = table.ring.shares();
  const report = (replica: Replica): ReplicaReport => ({
    name: replica.name,
    state: replica.state,
    seat: replica.seat,
    weight: replica.weight,
    ramp: rampOf(replica, weightsNow.get(replica.name)),
    share: replica.state === "healthy" ? (shares.get(replica.seat) ?? null) : null,
    inFlight: table.inFlightOf(replica.name),
    address: replica.address === null ? null : `${replica.address.host}:${replica.address.port}`,
    pid: replica.pid,
    revision: replica.revision,
    ...usageReport(fleet.usageOf(replica.name)),
    condition: conditionOf(replica.name),
    reason: replica.reason,
    sinceMs: replica.sinceMs,
  });
  return {
    policy: routingPolicy,
    placement: routingPolicy === "hash" ? ring.placement : "none",
    slots: routingPolicy === "hash" ? ring.slots : 0,
    key,
    desired: fleet.desiredCount,
    serving: fleet.serving().length,
    respawns: fleet.counters.respawns,
    heartbeatFailures: fleet.counters.heartbeatFailures,
    ringChanges: table.ring.changes,
    replicas: fleet.replicas().map(report),
    spares: fleet.spares().map(report),
    autoscale: parts.autoscale(),
    understudies: fleet.understudies().map(report),
    rollout: fleet.rolloutReport(),
  };
}

function usageReport(usage: Usage | null): Pick<ReplicaReport, "cpuPercent" | "rssBytes"> {
  const { cpuCores = null, rssBytes = null } = usage ?? {};
  return { cpuPercent: cpuCores === null ? null : Number((100 * cpuCores).toFixed(1)), rssBytes };
}

function rampOf({ weight }: Replica, now: number | undefined): number | null {
  return now === undefined ? null : Number((now / weight).toFixed(3));
}

function sharesReport(table: RoutingTable): SharesReport {
  const { ring } = table.current;
  const shares = table.ring.shares();
  return {
    placement: ring.placement,
    slots: ring.slots,
    shares: ring.members.map(({ seat, weight }) => ({
      seat,
      replica: nameOn(table, seat),
      weight,
      share: shares.get(seat) ?? 0,
    })),
  };
}

function nameOn(table: RoutingTable, seat: number): string | null {
  return table.current.replicas.find((replica) => replica.seat === seat)?.name ?? null;
}

function lookupReport(table: RoutingTable, query: URLSearchParams): LookupReport {
  const key = lookupKey(query);
  const { ring } = table.current;
  const candidates = [];
  for (const seat of ring.candidates(key)) {
    candidates.push({ seat, replica: nameOn(table, seat) });
    if (candidates.length === candidatesMax) break;
  }
  return { key, slot: ring.slotOf(key), candidates };
}

function lookupKey(query: URLSearchParams): Key {
  const [key, id] = [query.get("key"), query.get("id")];
  if (key !== null && id === null) return key;
  if (id !== null && key === null && /^\d{1,15}$/.test(id)) return Number(id);
  throw bad("A lookup needs either key=TEXT or id=NUMBER, a whole number of at most 15 digits");
}

function bad(message: string): RoundhouseError {
  return new RoundhouseError("BAD_REQUEST", message, { source: "downstream" });
}
