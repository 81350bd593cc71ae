// What operators see and may do: the report behind the admin API, and the listener that has it beside the metrics page and
// the dashboard. What the calls mean is in admin-api.ts and the files that it names.
import { RoundhouseError } from "../errors.ts";
import { latencyBucketsS } from "../proxy/upstream.ts";
import { createAdmin } from "../telemetry/admin.ts";
import { createMetricsPage } from "../telemetry/metrics.ts";
import { type AdminApiParts, adminApi } from "./admin-api.ts";
import type { Running } from "./apply-config.ts";
import type { Autoscaler } from "./autoscaler.ts";
import { createDashboard } from "./dashboard/dashboard.ts";
import type { DataPlane } from "./data-plane.ts";
import { readMetrics } from "./metrics-reading.ts";
import type { QueueHouse } from "./queue-house.ts";
import type { Crew } from "./workers/crew.ts";

/** What operators see and may do, as it is now: a reload changes the settings. */
export function reportOf(
  house: Running,
  parts: Pick<AdminApiParts, "records" | "change" | "reload" | "certificates"> & {
    readonly dataPlane: DataPlane;
    readonly crew: Crew | null;
    readonly autoscaler: Autoscaler;
  },
): AdminApiParts {
  const { dataPlane, crew, autoscaler, records, change, reload, certificates } = parts;
  return {
    fleet: house.fleet,
    table: dataPlane.table,
    routingPolicy: house.settings.routingPolicy,
    counters: () => dataPlane.read().hashing,
    hotKeys: dataPlane.hotKeys,
    autoscale: autoscaler.report,
    conditionOf: dataPlane.conditionOf,
    records,
    change,
    hashing: {
      requestHash: house.config.requestHash,
      idKeys: house.settings.keyText === "random",
    },
    reload,
    saved: house.state.save,
    rollWorkers: async () => {
      if (crew === null) throw notRolled();
      await crew.roll();
      return crew.size;
    },
    certificates,
    get key() {
      return house.settings.keyText;
    },
    get policy() {
      return house.settings.policy;
    },
  };
}

/** What the admin listener shows. */
interface Shown {
  readonly dataPlane: DataPlane;
  readonly autoscaler: Autoscaler;
  /** Called before figures are read. */
  readonly gather: (() => Promise<void>) | undefined;
  readonly queue: QueueHouse | null;
  readonly report: AdminApiParts;
  readonly ready: () => boolean;
}

/** Where it listens; null: it is off. */
export async function openAdmin(
  { settings, fleet }: Running,
  { dataPlane, autoscaler, gather, queue, report, ready }: Shown,
  open: (() => Promise<void> | void)[],
): Promise<{ readonly host: string; readonly port: number } | null> {
  if (settings.admin === null) return null;
  const read = () => readMetrics(fleet, dataPlane, autoscaler);
  const metrics = createMetricsPage(read, latencyBucketsS, queue?.metrics);
  const dashboard = createDashboard(report, queue);
  const admin = await createAdmin({
    ...settings.admin,
    metrics,
    ready,
    ...(gather === undefined ? {} : { gather }),
    routes: { ...adminApi(report), ...dashboard.routes },
    takes: dashboard.takes,
  });
  open.push(admin.close, dashboard.close);
  return { host: admin.host, port: admin.port };
}

function notRolled(): RoundhouseError {
  return new RoundhouseError(
    "BAD_REQUEST",
    "There are no workers to replace: one process does everything; start with --workers 2 or more",
    { source: "downstream" },
  );
}
